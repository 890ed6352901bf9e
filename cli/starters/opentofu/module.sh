#!/bin/sh
# Makes what the module says, or destroys it: by SANDBIND_PHASE.
set -eu
# At the deadline the whole process group gets SIGINT: tofu ends in good order, and this shell waits for it.
trap : INT

cat >main.tf <<'MODULE'
terraform {
  backend "http" {}
}

variable "name" {}

# Your resources in its place. Name or tag them by `var.name`.
resource "terraform_data" "example" {
  input = var.name
}

output "id" {
  value = terraform_data.example.id
}
MODULE

# SANDBIND_NAME is unique, at most 40 of a-z, 0-9 and hyphens, and the same in create and delete.
export TF_VAR_name="$SANDBIND_NAME"
tofu init -no-color
case $SANDBIND_PHASE in
  create)
    tofu apply -no-color -auto-approve
    tofu output -no-color -raw id >id
    ;;
  delete)
    tofu destroy -no-color -auto-approve
    ;;
esac
