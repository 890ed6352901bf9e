#!/bin/sh
# Runs until it succeeds, also after a create that failed half-way: what is gone already is fine.
set -eu
export HOME="$PWD"

# Every kind that create makes.
kubectl --namespace "$OBJECTS_NAMESPACE" delete configmaps -l "sandbind.dev/made-for=$SANDBIND_NAME" --ignore-not-found --wait --timeout 4m
