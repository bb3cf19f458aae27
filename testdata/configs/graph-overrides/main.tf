locals {
  chosen = terraform_data.original.id
  kept   = terraform_data.original.output
}

resource "terraform_data" "original" {}
resource "terraform_data" "replacement" {}
resource "terraform_data" "last" {}

resource "terraform_data" "reader" {
  input            = local.chosen
  triggers_replace = local.kept
}

resource "terraform_data" "changed" {
  input = terraform_data.original.id

  provisioner "local-exec" {
    command = "echo ${terraform_data.original.id}"
  }
}
