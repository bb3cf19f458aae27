variable "name" {}
variable "ignored" {}
variable "defaulted" {
  default = "d"
}

locals {
  name = "${var.name}-${var.defaulted}"
}

resource "terraform_data" "wrap" {
  input = local.name
}

resource "terraform_data" "apart" {}

module "inner" {
  source = "./inner"
  value  = terraform_data.wrap.output
}

output "deep" {
  value = { inner = module.inner.leaf }
}

output "constant" {
  value = "c"
}

output "apart" {
  value = terraform_data.apart.id
}
