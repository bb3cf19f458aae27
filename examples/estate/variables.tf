variable "cloud" {
  description = "The file that plays the cloud, by absolute path."
  type        = string
}

variable "region" {
  description = "Where everything runs."
  type        = string
  default     = "north-1"
}

variable "database_password" {
  description = "Password of the owner of the orders database."
  type        = string
  sensitive   = true
  default     = null
}
