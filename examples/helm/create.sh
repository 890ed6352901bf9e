#!/bin/sh
# The release. One that is there already is upgraded to the same; one that a killed helm left half-way is made anew.
set -eu
NAME="$SANDBIND_NAME"
# What helm caches stays in this step's own folder.
export HOME="$PWD"

# The chart. Put yours in its place: a folder, or oci://REGISTRY/CHART with a fixed --version.
mkdir -p chart/templates
cat >chart/Chart.yaml <<'YAML'
apiVersion: v2
name: web
version: 1.0.0
YAML
cat >chart/templates/web.yaml <<'YAML'
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
  labels: {app.kubernetes.io/instance: {{ .Release.Name }}}
data:
  log-level: {{ .Values.logLevel | quote }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
  labels: {app.kubernetes.io/instance: {{ .Release.Name }}}
spec:
  selector: {app.kubernetes.io/instance: {{ .Release.Name }}}
  ports: [{name: http, port: {{ .Values.port }}}]
YAML

# A helm that was killed leaves the release `pending-…` or `uninstalling`, and then helm refuses to work on it, because another operation
# seems to be in progress. There is none: sandbind runs one step of a resource at a time. What such a release holds is not known, and no
# pod has been given it yet, so it is removed and made anew.
UNFINISHED=$(helm list --pending --uninstalling --short --filter "^$NAME\$")
if [ -n "$UNFINISHED" ]; then
  helm uninstall "$NAME" --ignore-not-found --wait --timeout 2m
fi
helm upgrade --install "$NAME" ./chart --set "port=$PORT" --set-string "logLevel=$LOG_LEVEL" --history-max 2 --wait --timeout 2m

printf %s "$NAME" >release
printf %s "$HELM_NAMESPACE" >namespace
printf %s "$NAME.$HELM_NAMESPACE.svc" >host
printf %s "$PORT" >port
