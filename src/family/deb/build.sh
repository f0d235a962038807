# Builds the binary packages of the source package in /in/source. Runs as the user `builder` in /build.
set -eu
dpkg-source --no-check -x /in/source/*.dsc tree
cd tree
# The number enters as a changelog entry. What the entry says besides its urgency is decided where scripts are derived.
{
    printf '%s (%s%s%s) %s; urgency=low%s\n\n' \
        "$OPB_SOURCE" "$OPB_VERSION_HEAD" "$OPB_NUMBER" "$OPB_VERSION_TAIL" "$OPB_DISTRIBUTION" "$OPB_ENTRY"
    # Nothing but the version may tell two numbers apart: equal rebuilds are recognised by it.
    printf '  * Rebuilt by opb.\n\n'
    printf ' -- %s  %s\n\n' "$OPB_MAINTAINER" "$(date -R -u -d "@$SOURCE_DATE_EPOCH")"
    cat debian/changelog
} > ../changelog
cat ../changelog > debian/changelog
export DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:+$DEB_BUILD_OPTIONS }parallel=$OPB_CORES"
dpkg-buildpackage --unsigned-source --unsigned-changes --build="$OPB_PART"
cd ..
mkdir -p /out/packages /out/debug /out/udebs /out/buildinfo
for file in *.deb *.ddeb *.udeb *.buildinfo *.changes; do
    case "$file" in
    '*.'*) ;;
    *.ddeb | *-dbgsym_*.deb) mv "$file" /out/debug/ ;;
    *.deb) mv "$file" /out/packages/ ;;
    *.udeb) mv "$file" /out/udebs/ ;;
    *) mv "$file" /out/buildinfo/ ;;
    esac
done
