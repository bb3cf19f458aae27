locals {
  services = {
    web = { size = 1, peer = "db" }
    db  = { size = 2, peer = "web" }
  }
}

resource "terraform_data" "net" {}

resource "terraform_data" "amount" {
  input = 2
}

module "svc" {
  source   = "./svc"
  for_each = local.services
  name     = each.key
  size     = each.value.size
  net      = terraform_data.net.id
}

module "fed" {
  source   = "./svc"
  for_each = { p = terraform_data.net.id, q = terraform_data.amount.output }
  name     = each.value
  size     = 1
  net      = "n"
}

module "counted" {
  source = "./svc"
  count  = 2
  name   = "c${count.index}"
  size   = count.index
  net    = terraform_data.amount.id
}

resource "terraform_data" "literal_key" {
  input = module.svc["web"].addr
}

resource "terraform_data" "mesh" {
  for_each = local.services
  input    = module.svc[each.value.peer].addr
}

resource "terraform_data" "splat" {
  input = values(module.fed)[*].addr
}

resource "terraform_data" "counted_splat" {
  input = module.counted[*].addr
}

resource "terraform_data" "loop" {
  input = { for name, service in module.svc : name => service.constant }
}

resource "terraform_data" "constant_of_fed" {
  input = module.fed["p"].constant
}

resource "terraform_data" "same_keys" {
  for_each = terraform_data.mesh
  input    = each.value.output
}
