resource "terraform_data" "first" {}
resource "terraform_data" "gate" {}

module "worker" {
  source     = "./worker"
  input      = "i"
  depends_on = [terraform_data.gate]
}

module "later" {
  source     = "./worker"
  input      = terraform_data.first.id
  depends_on = [module.worker]
}

resource "terraform_data" "waits" {
  depends_on = [module.later, "terraform_data.first"]
}

resource "terraform_data" "reads_constant" {
  input = module.worker.constant
}
