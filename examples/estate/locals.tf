locals {
  company = "acme"
  product = "shop"
  stage   = "prod"

  prefix = "${local.product}-${local.stage}"

  ports = {
    http  = { number = 80, cidr = "0.0.0.0/0" }
    admin = { number = 9000, cidr = "10.20.0.0/16" }
  }
}
