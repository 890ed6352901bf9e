#!/bin/sh
# The release with its objects, whatever state it is in. What is gone already is fine.
set -eu
export HOME="$PWD"
helm uninstall "$SANDBIND_NAME" --ignore-not-found --wait --timeout 8m
