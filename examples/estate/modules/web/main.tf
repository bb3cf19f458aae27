variable "servers" {
  description = "Size of each server, by name."
  type        = map(string)
}

variable "ports" {
  description = "Who may reach what."
  type = map(object({
    number = number
    cidr   = string
  }))
}

variable "network_id" {
  type = string
}

variable "database_address" {
  type = string
}

resource "mockcloud_instance" "server" {
  for_each = var.servers

  name             = "web-${each.key}"
  image            = "shop-2026.10"
  size             = each.value
  network_id       = var.network_id
  database_address = var.database_address
  user_data        = "ROLE=web SERVER=${each.key}"

  dynamic "port" {
    for_each = var.ports

    content {
      number = port.value.number
      cidr   = port.value.cidr
    }
  }
}

output "servers" {
  value = { for name, server in mockcloud_instance.server : name => server.id }
}
