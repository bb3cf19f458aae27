resource "ambit_agent" "builder" {
  name    = "builder"
  sponsor = ambit_person.carol.name
  keys    = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMA8lmR63wlX4+bxxESYigKhU6p7VcV0de73wWUaDHQU builder@runner"]
}
