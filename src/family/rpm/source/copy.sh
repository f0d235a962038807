# Makes a source package of the tree in /in/source with the spec $OPB_SPEC in it. Runs as the user `builder` in /build.
set -eu
cp -R --preserve=mode,links /in/source tree
chmod -R u+w tree
