resource "terraform_data" "version" {
  input = 1
}

resource "terraform_data" "instances" {
  for_each = toset(["a", "b"])
}

resource "terraform_data" "checked" {
  input = "x"
}

resource "terraform_data" "triggered" {
  triggers_replace = [terraform_data.checked.id]

  lifecycle {
    replace_triggered_by  = [terraform_data.version.output, terraform_data.instances["a"]]
    create_before_destroy = true
    ignore_changes        = [input]

    precondition {
      condition     = terraform_data.checked.id != ""
      error_message = "empty: ${terraform_data.version.id}"
    }

    postcondition {
      condition     = self.id != terraform_data.instances["b"].id
      error_message = "same"
    }
  }
}

resource "terraform_data" "each_triggered" {
  for_each = toset(["a", "b"])

  lifecycle {
    replace_triggered_by = [terraform_data.instances[each.key]]
  }
}

output "guarded" {
  value = terraform_data.triggered.id

  precondition {
    condition     = terraform_data.checked.id != ""
    error_message = "empty"
  }
}
