#!/bin/sh
# Twenty files, made one after the other, and whatever is to happen meanwhile.
set -eu
trap : INT

cat > main.tf <<'MODULE'
terraform {
  backend "http" {}
  required_providers {
    local = { source = "hashicorp/local" }
  }
}
variable "folder" {}
resource "local_file" "page" {
  count      = 20
  filename   = "${var.folder}/page-${count.index}"
  content    = "page ${count.index}"
  depends_on = [terraform_data.pause]
}
resource "local_file" "first" {
  count    = 5
  filename = "${var.folder}/first-${count.index}"
  content  = "first ${count.index}"
}
resource "terraform_data" "pause" {
  count = 5
  provisioner "local-exec" {
    command = "sleep 0.1"
  }
}
MODULE

printf 'provider_installation {\n  filesystem_mirror {\n    path = "%s"\n  }\n}\n' "$MIRROR" > tofu.rc
export TF_CLI_CONFIG_FILE="$PWD/tofu.rc" TF_VAR_folder="$FOLDER"
tofu init -no-color
if [ "$SANDBIND_PHASE" = delete ]; then
  tofu destroy -no-color -auto-approve
  exit
fi
tofu apply -no-color -auto-approve -parallelism=1 > log &
apply=$!
case $WHAT in
  nothing) ;;
  twice)
    until grep -q Creating log; do sleep 0.01; done
    if tofu plan -no-color > second 2>&1; then exit 3; fi
    grep -q "acquiring the state lock" second || exit 4
    ;;
  interrupt) (sleep "$AFTER"; kill -INT "$apply") & ;;
  kill)
    until grep -q Creating log; do sleep 0.01; done
    kill -KILL "$apply"
    ;;
esac
code=0
wait "$apply" || code=$?
cat log
exit "$code"
