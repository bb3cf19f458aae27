resource "terraform_data" "a" {}
resource "terraform_data" "b" {}

resource "terraform_data" "reader" {
  input = terraform_data.a.id
}
