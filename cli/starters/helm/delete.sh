#!/bin/sh
# Runs until it succeeds, also after a create that failed half-way: what is gone already is fine.
set -eu
export HOME="$PWD"

helm uninstall "$SANDBIND_NAME" --ignore-not-found --wait --timeout 8m
