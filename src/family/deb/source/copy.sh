# Makes a source package of the tree in /in/source, which has a debian/ folder. Runs as the user `builder` in /build.
set -eu
cp -R --preserve=mode,links /in/source tree
chmod -R u+w tree
