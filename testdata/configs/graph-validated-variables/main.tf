resource "terraform_data" "limit" {
  input = 5
}

variable "size" {
  type    = number
  default = 1

  validation {
    condition     = var.size <= length(terraform_data.limit.id) + 100
    error_message = "too big"
  }
}

resource "terraform_data" "sized" {
  input = var.size
}

module "inner" {
  source = "./inner"
  size   = 3
}

resource "terraform_data" "after" {
  input = module.inner.size
}
