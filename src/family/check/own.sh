# Runs the recipe's own script, in a root in which the packages are installed. Runs as the user `builder` in /build.
set -eu
mkdir -p /out/report
: > /out/report/findings
exec /bin/sh -e /opb/files/command < /dev/null
