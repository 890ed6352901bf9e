#!/bin/sh
set -eu
folder="${SANDBIND_FILES_ROOT:-/tmp}/sandbind-scripts-$SANDBIND_NAME"
mkdir -p "$folder"
printf %s "$folder" >path
