# A small shop: a network, the orders database, two web servers, the name they find the database by, a bucket of
# receipts and the role that may write to it.

module "network" {
  source = "./modules/network"

  name = "${local.company}-main"
  cidr = "10.20.0.0/16"
}

module "data" {
  source = "./modules/data"

  prefix     = local.prefix
  network_id = module.network.id
  password   = var.database_password
}

module "web" {
  source = "./modules/web"

  servers          = { a = "small", b = "small" }
  ports            = local.ports
  network_id       = module.network.id
  database_address = module.data.address
}

resource "mockcloud_dns_record" "orders" {
  zone  = "${local.company}.internal"
  name  = "orders"
  value = module.data.address
  ttl   = 60
}

resource "mockcloud_bucket" "receipts" {
  name   = "${local.company}-receipts"
  public = false
}

resource "mockcloud_iam_role" "web" {
  name = "${local.company}-web"
  policy = jsonencode({
    allow  = ["bucket:write"]
    target = mockcloud_bucket.receipts.arn
  })
}
