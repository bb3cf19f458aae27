variable "name" {
  type = string
}

variable "cidr" {
  type = string
}

resource "mockcloud_network" "main" {
  name = var.name
  cidr = var.cidr
}

output "id" {
  value = mockcloud_network.main.id
}
