variable "flag" {
  default = true
}

locals {
  # `terraform_data` below is a loop variable, not the resource type.
  shadowed = [for terraform_data in ["a", "b"] : terraform_data]
  object   = { for key, item in terraform_data.map : key => item.id if terraform_data.condition.id != "" }
  grouped  = { for item in terraform_data.list : item.id => item.output... }
  nested   = [for outer in terraform_data.list : [for inner in [outer] : "${inner.id}${terraform_data.inner.id}"]]
  attempt  = try(terraform_data.list[0].output.missing, terraform_data.alternative.id, "none")
  ternary  = var.flag ? terraform_data.yes.id : terraform_data.no.id
  text     = <<-EOT
    %{ for item in terraform_data.list[*].id ~}
    ${item} and ${terraform_data.inline.id}
    %{ endfor ~}
    %{ if terraform_data.branch.id == "" }yes%{ else }${terraform_data.otherwise.id}%{ endif }
  EOT
  quoted   = "%{ for key, item in terraform_data.map }${key}=${item.id}%{ endfor }$${terraform_data.escaped.id}"
  spread   = max([for item in terraform_data.list : length(item.id)]...)
  negative = -length(terraform_data.negated.id)
  not      = !(terraform_data.denied.id == "")
}

resource "terraform_data" "list" {
  count = 2
}

resource "terraform_data" "map" {
  for_each = toset(["a", "b"])
  input    = each.key
}

resource "terraform_data" "condition" {}
resource "terraform_data" "inner" {}
resource "terraform_data" "alternative" {}
resource "terraform_data" "yes" {}
resource "terraform_data" "no" {}
resource "terraform_data" "inline" {}
resource "terraform_data" "branch" {}
resource "terraform_data" "otherwise" {}
resource "terraform_data" "escaped" {}
resource "terraform_data" "negated" {}
resource "terraform_data" "denied" {}

resource "terraform_data" "reads_shadowed" {
  input = local.shadowed
}

resource "terraform_data" "reads_object" {
  input = local.object
}

resource "terraform_data" "reads_grouped" {
  input = local.grouped
}

resource "terraform_data" "reads_nested" {
  input = local.nested
}

resource "terraform_data" "reads_attempt" {
  input = local.attempt
}

resource "terraform_data" "reads_ternary" {
  input = local.ternary
}

resource "terraform_data" "reads_text" {
  input = local.text
}

resource "terraform_data" "reads_quoted" {
  input = local.quoted
}

resource "terraform_data" "reads_rest" {
  input = [local.spread, local.negative, local.not]
}
