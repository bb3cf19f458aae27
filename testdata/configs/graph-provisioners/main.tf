resource "terraform_data" "host" {}
resource "terraform_data" "password" {}
resource "terraform_data" "argument" {}

locals {
  command = "echo ${terraform_data.argument.id}"
}

resource "terraform_data" "machine" {
  connection {
    type     = "ssh"
    host     = terraform_data.host.id
    password = "x"
  }

  provisioner "local-exec" {
    command     = local.command
    environment = { ID = self.id }
  }

  provisioner "file" {
    source      = "${path.module}/main.tf"
    destination = "/tmp/x"

    connection {
      type     = "ssh"
      host     = "h"
      password = terraform_data.password.id
    }
  }
}

resource "terraform_data" "leaving" {
  provisioner "local-exec" {
    when       = destroy
    on_failure = continue
    command    = "echo bye ${self.id}"
  }
}

resource "terraform_data" "after" {
  input = terraform_data.machine.id
}
