resource "ambit_team" "data" {
  name    = "data"
  members = [ambit_person.alice.name, ambit_person.carol.name]
}
