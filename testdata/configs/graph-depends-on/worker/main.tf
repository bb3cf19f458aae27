variable "input" {}

resource "terraform_data" "a" {
  input = var.input
}

resource "terraform_data" "b" {
  depends_on = [terraform_data.a]
}

output "constant" {
  value = 1
}
