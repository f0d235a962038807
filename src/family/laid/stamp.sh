while read -r file; do
    mkdir -p "tree/$(dirname "$file")"
    printf '%s\n' "$OPB_UPSTREAM_VERSION" > "tree/$file"
done < /opb/files/stamps
