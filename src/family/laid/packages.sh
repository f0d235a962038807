while IFS= read -r to; do
    mkdir -p "packages/$(dirname "$to")"
    dpkg-source --no-check --no-copy -x "/in/packages/$to"/*.dsc "packages/$to"
    rm -rf "packages/$to/.pc"
done < /opb/files/packages
cp -R --preserve=mode,links --remove-destination --no-target-directory packages tree || {
    echo 'cannot lay `sources` into the source: where a folder goes there is a file or a symbolic link, or the reverse' >&2
    exit 1
}
rm -rf packages
