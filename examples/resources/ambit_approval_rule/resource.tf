resource "ambit_approval_rule" "high" {
  name           = "high-in-production"
  tier           = "high"
  environments   = [ambit_environment.production.name]
  count_per_team = 1
  min_persons    = 2
}
