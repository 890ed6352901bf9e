#!/bin/sh
# May run again after a failure: what is there already becomes what is said here.
set -eu
# What kubectl caches stays in this step's own folder.
export HOME="$PWD"

# SANDBIND_NAME is unique, at most 40 of a-z, 0-9 and hyphens, and the same in create and delete.
NAME="$SANDBIND_NAME"

# Each object has the label by which delete finds it.
cat >objects.yaml <<YAML
apiVersion: v1
kind: ConfigMap
metadata:
  name: "$NAME"
  labels: {sandbind.dev/made-for: "$NAME"}
data:
  greeting: "$GREETING"
YAML
kubectl --namespace "$OBJECTS_NAMESPACE" apply --server-side --field-manager sandbind --force-conflicts -f objects.yaml

# `printf %s`, for `echo` would add a line end to the value.
printf %s "$NAME" >config-map
