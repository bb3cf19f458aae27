resource "ambit_person" "alice" {
  name = "alice"
  keys = [
    { key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBgGKwkNHfG+2f3tzP97zbA7IzZnrdV4aRpxR1banuGe alice@laptop" },
    { key = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAID+XFcPz146j9lpxF+spY/e6WyBPhu8QJGd4xOV6QXs+AAAABHNzaDo= alice@token", assurance = "hardware" },
  ]
}

resource "ambit_person" "carol" {
  name = "carol"
  keys = [{ key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJutOCQypGpjEiXZcfpZPxaGGxjeePnMZHt2rirIrmHZ carol@laptop" }]
}
