#!/bin/sh
# May run again after a failure: what is there already is fine.
set -eu

# SANDBIND_NAME is unique, at most 40 of a-z, 0-9 and hyphens, and the same in create and delete.
folder="/tmp/@NAME@-$SANDBIND_NAME"
mkdir -p "$folder"
echo "a $SIZE folder for $SANDBIND_SANDBOX" >"$folder/hello"

# `printf %s`, for `echo` would add a line end to the value.
printf %s "$folder" >path
