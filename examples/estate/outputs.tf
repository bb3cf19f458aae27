output "network" {
  description = "The network that everything is in."
  value       = module.network.id
}

output "database" {
  description = "Where the orders database answers."
  value       = module.data.address
}

output "servers" {
  description = "The web servers, by name."
  value       = module.web.servers
}
