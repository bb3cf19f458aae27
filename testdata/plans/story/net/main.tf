variable "zone" { type = string }
resource "terraform_data" "zone" { input = var.zone }
module "dns" {
  source = "./dns"
  zone   = terraform_data.zone.output
}
