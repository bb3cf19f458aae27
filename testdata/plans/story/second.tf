variable "token" {
  type      = string
  sensitive = true
  default   = "not-a-secret-but-marked"
}
resource "terraform_data" "plain" { input = { size = 2, exact = 18446744073709551617, big = 1e400, small = 0.1 } }
resource "terraform_data" "keyed" {
  for_each = toset(["new key", "a b", "x\"]y", "$${z}", "line\nbreak"])
  input    = each.key
}
resource "terraform_data" "counted" {
  count = 2
  input = count.index
}
resource "terraform_data" "new_name" { input = "moves" }
resource "terraform_data" "secret" { input = { token = var.token, shown = "y" } }
resource "terraform_data" "first" {
  input            = ["a", "b", "c"]
  triggers_replace = "2"
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
moved {
  from = terraform_data.old_name
  to   = terraform_data.new_name
}
removed {
  from = terraform_data.forgotten
  lifecycle { destroy = false }
}
import {
  to = terraform_data.adopted
  id = "made-elsewhere"
}
resource "terraform_data" "adopted" {}
data "terraform_remote_state" "other" {
  backend = "local"
  config  = { path = terraform_data.plain.id == "" ? "x" : "${path.module}/other-${terraform_data.counted[0].output}.tfstate" }
}
