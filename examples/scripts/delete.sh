#!/bin/sh
set -eu
rm -rf "${SANDBIND_FILES_ROOT:-/tmp}/sandbind-scripts-$SANDBIND_NAME"
