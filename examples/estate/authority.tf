# Who may change the estate, and who must agree. Public keys lie in keys/, one file each.

resource "ambit_person" "founder" {
  name = "founder"
  keys = [{ key = trimspace(file("${path.module}/keys/founder.pub")) }]
}

resource "ambit_person" "dana" {
  name = "dana"
  keys = [{ key = trimspace(file("${path.module}/keys/dana.pub")) }]
}

resource "ambit_person" "wes" {
  name = "wes"
  keys = [{ key = trimspace(file("${path.module}/keys/wes.pub")) }]
}

resource "ambit_person" "sam" {
  name = "sam"
  keys = [{ key = trimspace(file("${path.module}/keys/sam.pub")) }]
}

resource "ambit_team" "data" {
  name    = "data"
  members = [ambit_person.dana.name, ambit_person.sam.name]
}

resource "ambit_team" "web" {
  name    = "web"
  members = [ambit_person.wes.name]
}

# Sam answers for what the agent does, and therefore never approves it.
resource "ambit_agent" "builder" {
  name    = "builder"
  sponsor = ambit_person.sam.name
  keys    = [trimspace(file("${path.module}/keys/builder.pub"))]
}

resource "ambit_environment" "production" {
  name     = "production"
  stacks   = ["local:estate/terraform.tfstate#default"]
  critical = false
  mode     = "enforce"
}

resource "ambit_ownership" "orders" {
  name      = "orders"
  team      = ambit_team.data.name
  addresses = ["module.data"]
}

# The servers by where they are, names by what they are. Network, bucket and role are nobody's: root answers for them.
resource "ambit_ownership" "site" {
  name      = "site"
  team      = ambit_team.web.name
  addresses = ["module.web"]
  types     = ["mockcloud_dns_record"]
}
