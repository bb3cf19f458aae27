variable "name" {}
variable "size" {}
variable "net" {}

resource "terraform_data" "lb" {
  input = "${var.name}-${var.net}"
}

resource "terraform_data" "db" {
  count = var.size
  input = terraform_data.lb.output
}

output "addr" {
  value = terraform_data.lb.id
}

output "constant" {
  value = 1
}
