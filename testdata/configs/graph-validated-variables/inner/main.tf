variable "size" {
  type = number

  validation {
    condition     = var.size > 0 && terraform_data.bound.id != "-"
    error_message = "too small"
  }
}

resource "terraform_data" "bound" {}

output "size" {
  value      = var.size
  depends_on = [terraform_data.late]
}

resource "terraform_data" "late" {}
