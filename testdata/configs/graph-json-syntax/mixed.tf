resource "terraform_data" "native" {
  input = module.child.value
}
