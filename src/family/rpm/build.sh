# Builds the packages of the source package in /in/source. Runs as the user `builder` in /build.
set -eu
mkdir -p top/SOURCES top/SPECS
rpm2cpio /in/source/*.src.rpm > source.cpio
(cd top/SOURCES && cpio --extract --quiet --no-absolute-filenames < ../../source.cpio)
mv top/SOURCES/*.spec top/SPECS/
# The number enters the release, and a changelog entry says so. Nothing but the version may tell two numbers apart: equal
# rebuilds are recognised by it.
OPB_RELEASE="$OPB_RELEASE_HEAD$OPB_NUMBER$OPB_VERSION_TAIL"
OPB_DAY=$(date -u -d "@$SOURCE_DATE_EPOCH" '+%a %b %d %Y')
export OPB_RELEASE OPB_DAY
for spec in top/SPECS/*.spec; do
    awk '
        function entry() {
            printf "* %s %s - %s-%s\n- Rebuilt by opb.\n\n", ENVIRON["OPB_DAY"], ENVIRON["OPB_MAINTAINER"],
                ENVIRON["OPB_UPSTREAM_VERSION"], ENVIRON["OPB_RELEASE"]
            told = 1
        }
        BEGIN {
            # Else the number enters what is compiled: distributions have the release in build ids and in names of debug files.
            # Each time one definition goes; rpm has one, and a distribution may have others above it.
            for (turn = 1; turn <= 4; turn++)
                print "%undefine _unique_build_ids\n%undefine _unique_debug_names\n%undefine _unique_debug_srcs"
        }
        tolower($0) ~ /^[ \t]*release[ \t]*:/ { print "Release: " ENVIRON["OPB_RELEASE"]; next }
        { print }
        /^%changelog/ && !told { entry() }
        END { if (!told) { print "\n%changelog"; entry() } }
    ' "$spec" > stamped
    cat stamped > "$spec"
done
set --
while IFS= read -r argument; do
    set -- "$@" "$argument"
done < /opb/files/arguments
# The packages that the spec asks for are installed under the names that they have in this project.
if [ -e /opb/files/renamed ]; then
    set -- --nodeps "$@"
fi
rpmbuild -bb --target "$OPB_TARGET" --define "_topdir $PWD/top" --define "dist $OPB_DIST" \
    --define "_buildhost opb" --define "_smp_build_ncpus $OPB_CORES" --define "_binary_payload $OPB_PAYLOAD" \
    --define "source_date_epoch_from_changelog 0" --define "use_source_date_epoch_as_buildtime 1" \
    --define "clamp_mtime_to_source_date_epoch 1" "$@" top/SPECS/*.spec
mkdir -p /out/packages /out/debug
# A spec makes both kinds of packages at once; each build keeps its own.
for file in top/RPMS/*/*.rpm; do
    case "$OPB_PART/$file" in
    *'/*.rpm') ;;
    any/*.noarch.rpm) ;;
    all/*.noarch.rpm) mv "$file" /out/packages/ ;;
    all/*) ;;
    *-debuginfo-*.rpm | *-debugsource-*.rpm) mv "$file" /out/debug/ ;;
    *) mv "$file" /out/packages/ ;;
    esac
done
