# Makes a source package of the tree in /in/source, which has a debian/ folder. Runs as the user `builder` in /build.
set -eu
cp -R --preserve=mode,links /in/source tree
chmod -R u+w tree
while read -r file; do
    mkdir -p "tree/$(dirname "$file")"
    printf '%s\n' "$OPB_UPSTREAM_VERSION" > "tree/$file"
done < /opb/files/stamps
{
    printf '%s (%s) %s; urgency=low\n\n' "$OPB_SOURCE" "$OPB_VERSION" "$OPB_DISTRIBUTION"
    printf '  * Built by opb.\n\n'
    printf ' -- %s  %s\n\n' "$OPB_MAINTAINER" "$(date -R -u -d "@$SOURCE_DATE_EPOCH")"
    cat tree/debian/changelog
} > changelog
cat changelog > tree/debian/changelog
find tree -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
case "$OPB_FORMAT" in
'3.0 (native)') ;;
*)
    # The upstream archive: the same bytes for every distro, so that all of them can share one name.
    case "$OPB_VERSION" in
    *-*)
        tar --create --format=gnu --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
            --exclude=tree/debian --transform="s,^tree,$OPB_SOURCE-$OPB_UPSTREAM_VERSION,S" tree |
            gzip --best --no-name > "${OPB_SOURCE}_$OPB_UPSTREAM_VERSION.orig.tar.gz"
        ;;
    esac
    ;;
esac
dpkg-source --build tree
mkdir -p /out/source
mv ./*.dsc ./*.tar.* /out/source/
for file in *.diff.gz; do
    [ ! -e "$file" ] || mv "$file" /out/source/
done
