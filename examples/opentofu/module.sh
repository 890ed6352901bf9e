#!/bin/sh
# Makes what the module says, or destroys it. State and lock are kept by sandbind (`terraformState`), so that a create that was stopped
# half-way is followed by a destroy that knows what there is.
set -eu
# At the deadline the whole process group gets SIGINT: tofu ends in good order, and this shell waits for it.
trap : INT

cat > main.tf <<'MODULE'
terraform {
  backend "http" {}
  required_providers {
    local = { source = "hashicorp/local" }
  }
}

variable "folder" {}
variable "sandbox" {}

resource "local_file" "welcome" {
  filename = "${var.folder}/${var.sandbox}/welcome.txt"
  content  = "This folder belongs to ${var.sandbox}.\n"
}

output "folder" {
  value = "${var.folder}/${var.sandbox}"
}
MODULE

if [ -n "${MIRROR:-}" ]; then
  printf 'provider_installation {\n  filesystem_mirror {\n    path = "%s"\n  }\n}\n' "$MIRROR" > tofu.rc
  export TF_CLI_CONFIG_FILE="$PWD/tofu.rc"
fi
export TF_VAR_folder="$FOLDER" TF_VAR_sandbox="$SANDBIND_NAME"

tofu init -no-color
case $SANDBIND_PHASE in
  create)
    tofu apply -no-color -auto-approve
    tofu output -no-color -raw folder > folder
    ;;
  delete)
    tofu destroy -no-color -auto-approve
    rmdir "$FOLDER/$SANDBIND_NAME" 2>/dev/null || true
    ;;
esac
