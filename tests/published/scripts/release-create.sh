#!/usr/bin/env bash
set -e
RELEASE="${SIGNADOT_RESOURCE_NAME,,}-${SIGNADOT_SANDBOX_ID}"
helm repo add charts https://charts.example
helm repo update
helm install --wait --set "auth.database=${DBNAME}" "$RELEASE" charts/db
kubectl get secret "$RELEASE" -o jsonpath='{.data.root-password}' | base64 -d > /tmp/root-password
echo -n "$RELEASE.signadot.svc" > /tmp/host
echo -n 3306 > /tmp/port
