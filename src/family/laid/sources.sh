cp -R --preserve=mode,links --remove-destination --no-target-directory /in/sources tree || {
    echo 'cannot lay `sources` into the source: where a folder goes there is a file or a symbolic link, or the reverse' >&2
    exit 1
}
chmod -R u+w tree
