resource "terraform_data" "seed" {
  input = "s"
}

resource "terraform_data" "other" {
  input = "o"
}

module "outer" {
  source = "./outer"
  name   = terraform_data.seed.output
  ignored = terraform_data.other.output
}

resource "terraform_data" "reader" {
  input = module.outer.deep.inner
}

resource "terraform_data" "constant" {
  input = module.outer.constant
}

resource "terraform_data" "everything" {
  input = module.outer
}
