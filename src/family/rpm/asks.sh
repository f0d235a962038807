# Says what the spec of the source package in /in/source asks for when it runs. Runs as the user `builder` in /build.
set -eu
mkdir -p top/SOURCES top/SPECS
rpm2cpio /in/source/*.src.rpm > source.cpio
(cd top/SOURCES && cpio --extract --quiet --no-absolute-filenames < ../../source.cpio)
mv top/SOURCES/*.spec top/SPECS/
set --
while IFS= read -r argument; do
    set -- "$@" "$argument"
done < /opb/files/arguments
# 11: it asks for something that is not installed yet.
rpmbuild -br --target "$OPB_TARGET" --define "_topdir $PWD/top" --define "dist $OPB_DIST" --define "_buildhost opb" \
    "$@" top/SPECS/*.spec || [ $? -eq 11 ]
mkdir -p /out/asked
for package in top/SRPMS/*.src.rpm top/SRPMS/*.nosrc.rpm; do
    [ ! -e "$package" ] || rpm --query --requires --package "$package" >> /out/asked/asked
done
