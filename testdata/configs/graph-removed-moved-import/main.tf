removed {
  from = terraform_data.old

  lifecycle {
    destroy = true
  }

  provisioner "local-exec" {
    when    = destroy
    command = "echo ${self.id}"
  }
}

moved {
  from = terraform_data.before
  to   = terraform_data.after
}

resource "terraform_data" "after" {
  input = terraform_data.adopted.id
}

locals {
  known = "someone-elses-id"
}

import {
  to = terraform_data.adopted
  id = local.known
}

resource "terraform_data" "adopted" {}

import {
  for_each = { a = "one", b = "two" }
  to       = terraform_data.many[each.key]
  id       = each.value
}

resource "terraform_data" "many" {
  for_each = toset(["a", "b"])
}
