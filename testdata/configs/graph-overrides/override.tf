resource "terraform_data" "changed" {
  input = terraform_data.last.id
}
