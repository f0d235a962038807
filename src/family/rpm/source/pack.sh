# The upstream archive: the same bytes for every distro.
mkdir pack
mv tree "pack/$OPB_FOLDER"
find pack -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
tar --create --format=gnu --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    --directory=pack "$OPB_FOLDER" | $packer > "top/SOURCES/$OPB_ARCHIVE"
