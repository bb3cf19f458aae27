variable "suffix" {
  type    = string
  default = "x"
}

locals {
  first  = terraform_data.list[0].output
  all    = terraform_data.list[*].id
  legacy = terraform_data.list.*.id
  joined = join(",", local.all, local.legacy)
  second = "pre-${local.first}-${var.suffix}"
  object = {
    "a"                        = terraform_data.alone.id
    (terraform_data.key.id)    = 1
  }
  unused = terraform_data.nobody.id
}

resource "terraform_data" "list" {
  count = 2
  input = "l${count.index}"
}

resource "terraform_data" "alone" {}
resource "terraform_data" "key" {}
resource "terraform_data" "nobody" {}

resource "terraform_data" "joined" {
  input = local.joined
}

resource "terraform_data" "second" {
  input = [local.second, { deep = local.object }]
}

resource "terraform_data" "computed_key" {
  input = terraform_data.list[length(terraform_data.second.id) > 0 ? 0 : 1].id
}

resource "terraform_data" "counted" {
  count = length(terraform_data.list)
  input = count.index
}

resource "terraform_data" "prefixed" {
  input = resource.terraform_data.alone.output
}

output "out" {
  value = local.object
}
