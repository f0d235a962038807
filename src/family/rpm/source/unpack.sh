# Unpacks the upstream archive of the source package in /in/source. Runs as the user `builder` in /build.
set -eu
mkdir unpacked
tar --extract --no-same-owner --file="/in/source/$OPB_UPSTREAM" --directory=unpacked
# Nearly all archives hold one folder, which is left out.
inside=$(ls -A unpacked)
if [ "$(ls -A unpacked | wc -l)" -eq 1 ] && [ -d "unpacked/$inside" ] && [ ! -L "unpacked/$inside" ]; then
    mv "unpacked/$inside" tree
else
    mv unpacked tree
fi
chmod -R u+w tree
