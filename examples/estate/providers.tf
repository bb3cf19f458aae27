terraform {
  required_version = ">= 1.8"

  required_providers {
    ambit = {
      source  = "ambit/ambit"
      version = "0.1.0"
    }
    mockcloud = {
      source  = "ambit-test/mockcloud"
      version = "0.1.0"
    }
  }
}

provider "mockcloud" {
  endpoint = var.cloud
  region   = var.region
}

provider "ambit" {}
