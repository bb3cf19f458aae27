output "database" {
  value = provider::ambit::parse_address("module.data[\"eu\"].aws_db_instance.main[0]")
}
