variable "prefix" {
  type = string
}

variable "network_id" {
  type = string
}

variable "password" {
  type      = string
  sensitive = true
}

resource "mockcloud_database" "orders" {
  name       = "${var.prefix}-orders"
  engine     = "postgres"
  size       = 20
  network_id = var.network_id
  password   = var.password

  tags = {
    backup = "daily"
  }
}

output "address" {
  value = mockcloud_database.orders.address
}
