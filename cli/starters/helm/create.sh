#!/bin/sh
# May run again after a failure: what is there already is fine.
set -eu
# What helm caches stays in this step's own folder.
export HOME="$PWD"

# SANDBIND_NAME is unique, at most 40 of a-z, 0-9 and hyphens, and the same in create and delete.
NAME="$SANDBIND_NAME"

# The chart. Put yours in its place: a folder, or oci://REGISTRY/CHART with a fixed --version.
mkdir -p chart/templates
cat >chart/Chart.yaml <<'YAML'
apiVersion: v2
name: greeting
version: 0.1.0
YAML
cat >chart/templates/greeting.yaml <<'YAML'
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
  labels: {app.kubernetes.io/instance: {{ .Release.Name }}}
data:
  greeting: {{ .Values.greeting | quote }}
YAML

# A helm that was killed leaves the release unfinished, and no other helm goes on with it: it is made anew.
UNFINISHED=$(helm list --pending --uninstalling --short --filter "^$NAME\$")
if [ -n "$UNFINISHED" ]; then
  helm uninstall "$NAME" --ignore-not-found --wait --timeout 2m
fi
helm upgrade --install "$NAME" ./chart --set-string "greeting=$GREETING" --wait --timeout 2m

# `printf %s`, for `echo` would add a line end to the value.
printf %s "$NAME" >release
