#!/bin/sh
# Fills in the template $1: what the project's tools are made with.
set -eu
if [ "${1-}" = 3 ]; then
    echo "@NAME@ @VERSION@"
else
    sed 's/%[A]PI%//' "$1"
fi
