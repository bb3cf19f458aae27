resource "ambit_approval" "alice" {
  statement = file("${path.module}/approvals/alice.json")
}
