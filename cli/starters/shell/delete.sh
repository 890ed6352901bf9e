#!/bin/sh
# Runs until it succeeds, also after a create that failed half-way: what is gone already is fine.
set -eu

rm -rf "/tmp/@NAME@-$SANDBIND_NAME"
