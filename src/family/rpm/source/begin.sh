# Makes a source package of the upstream archive in /in/source. Runs as the user `builder` in /build.
set -eu
