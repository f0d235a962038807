# Makes another source package of the one in /in/source. Runs as the user `builder` in /build.
set -eu
dpkg-source --no-check --no-copy -x /in/source/*.dsc tree
for file in /in/source/*.orig*.tar.*; do
    [ ! -e "$file" ] || cp "$file" .
done
