output "belongs_to_data" {
  value = provider::ambit::address_matches("module.data", "module.data[\"eu\"].aws_db_instance.main[0]")
}
