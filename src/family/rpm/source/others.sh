# A name that the spec has, and where the source package has the file by another name, that.
while read -r name file; do
    for from in "/opb/files/beside-$name" "$beside/$name" "tree/$name" "/in/source/${file:-$name}"; do
        if [ -f "$from" ]; then
            cp "$from" "top/SOURCES/$name"
            continue 2
        fi
    done
    echo "the spec names \`$name\`, which is neither beside it nor in the source's root" >&2
    exit 1
done < /opb/files/sources
