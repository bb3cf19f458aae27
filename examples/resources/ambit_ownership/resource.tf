resource "ambit_ownership" "databases" {
  name      = "databases"
  team      = ambit_team.data.name
  addresses = ["module.data"]
  types     = ["aws_db_instance"]
  tags      = { team = "data" }
}
