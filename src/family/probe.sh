# Runs the command of a probe: what it says is the value. Runs as the user `builder` in /build, with /out/value made for it.
set -eu
# In blocks of 512 bytes: no file of the command, what it says among them, gets larger than 64 MiB.
ulimit -f 131072
exec /bin/sh /opb/files/command < /dev/null > /out/value/value
