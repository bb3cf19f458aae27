resource "terraform_data" "path" {
  input = "state"
}

resource "terraform_data" "service" {}
resource "terraform_data" "unrelated" {}

data "terraform_remote_state" "late" {
  backend    = "local"
  depends_on = [terraform_data.service]

  config = {
    path = "${path.module}/${terraform_data.path.id}.tfstate"
  }
}

resource "terraform_data" "consumer" {
  input = data.terraform_remote_state.late.outputs
}

check "health" {
  data "terraform_remote_state" "probe" {
    backend = "local"

    config = {
      path = "${terraform_data.path.id}.tfstate"
    }
  }

  assert {
    condition     = data.terraform_remote_state.probe.backend == "local" && terraform_data.service.id != ""
    error_message = "down"
  }
}
