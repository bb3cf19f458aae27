variable "zone" { type = string }
resource "terraform_data" "record" { input = "${var.zone}.example" }
