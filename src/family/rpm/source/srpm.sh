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
