terraform {
  required_providers {
    ambit = {
      source = "ambit/ambit"
    }
  }
}

provider "ambit" {}
