variable "value" {}

resource "terraform_data" "leaf" {
  input = var.value
}

output "leaf" {
  value = terraform_data.leaf.output
}
