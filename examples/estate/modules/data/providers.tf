terraform {
  required_providers {
    mockcloud = {
      source = "ambit-test/mockcloud"
    }
  }
}
