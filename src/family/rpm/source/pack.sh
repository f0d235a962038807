mkdir -p top/SOURCES top/SPECS pack
cp "tree/$OPB_SPEC" top/SPECS/
beside=$(dirname "tree/$OPB_SPEC")
while read -r name; do
    for folder in "$beside" tree; do
        if [ -f "$folder/$name" ]; then
            cp "$folder/$name" top/SOURCES/
            continue 2
        fi
    done
    echo "the spec names \`$name\`, which is neither beside it nor in the source's root" >&2
    exit 1
done < /opb/files/sources
if [ -n "$OPB_ARCHIVE" ]; then
    # The upstream archive: the same bytes for every distro.
    mv tree "pack/$OPB_FOLDER"
    case "$OPB_ARCHIVE" in
    *.tar) packer=cat ;;
    *.tar.gz | *.tgz) packer='gzip --best --no-name' ;;
    *.tar.bz2) packer='bzip2 --best' ;;
    *.tar.xz) packer='xz -T1' ;;
    *.tar.zst) packer='zstd -q -19' ;;
    *)
        echo "cannot make \`$OPB_ARCHIVE\`: no way to pack such an archive is known" >&2
        exit 1
        ;;
    esac
    find pack -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
    tar --create --format=gnu --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
        --directory=pack "$OPB_FOLDER" | $packer > "top/SOURCES/$OPB_ARCHIVE"
fi
find top -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
set --
while IFS= read -r argument; do
    set -- "$@" "$argument"
done < /opb/files/arguments
rpmbuild -bs --nodeps --define "_topdir $PWD/top" --define "dist $OPB_DIST" --define "_buildhost opb" \
    --define "source_date_epoch_from_changelog 0" --define "use_source_date_epoch_as_buildtime 1" \
    --define "clamp_mtime_to_source_date_epoch 1" "$@" top/SPECS/*.spec
mkdir -p /out/source
mv top/SRPMS/*.src.rpm /out/source/
