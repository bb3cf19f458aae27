variable "token" {
  type      = string
  sensitive = true
  default   = "not-a-secret-but-marked"
}
resource "terraform_data" "plain" { input = { size = 1, exact = 18446744073709551617, big = 1e400, small = 0.1 } }
resource "terraform_data" "keyed" {
  for_each = toset(["a b", "x\"]y", "$${z}", "line\nbreak"])
  input    = each.key
}
resource "terraform_data" "counted" {
  count = 3
  input = count.index
}
resource "terraform_data" "old_name" { input = "moves" }
resource "terraform_data" "forgotten" { input = "leaves the state" }
resource "terraform_data" "gone" { input = "is deleted" }
resource "terraform_data" "secret" { input = { token = var.token, shown = "x" } }
resource "terraform_data" "first" {
  input            = ["a", "b"]
  triggers_replace = "1"
  lifecycle { create_before_destroy = true }
  provisioner "local-exec" {
    when    = destroy
    command = "true"
  }
}
module "net" {
  for_each = toset(["eu.west", "us"])
  source   = "./net"
  zone     = each.key
}
output "size" { value = terraform_data.plain.output }
output "token" {
  value     = var.token
  sensitive = true
}
check "always" {
  assert {
    condition     = terraform_data.plain.output != null
    error_message = "never"
  }
}
