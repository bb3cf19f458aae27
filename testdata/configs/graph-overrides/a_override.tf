locals {
  chosen = terraform_data.replacement.id
}

resource "terraform_data" "changed" {
  input = terraform_data.replacement.id

  provisioner "local-exec" {
    command = "echo replaced"
  }
}
