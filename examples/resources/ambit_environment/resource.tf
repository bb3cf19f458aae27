resource "ambit_environment" "production" {
  name     = "production"
  stacks   = ["local:estate/terraform.tfstate#default"]
  critical = true
  mode     = "enforce"
}
