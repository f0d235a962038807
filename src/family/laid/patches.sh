while IFS=' ' read -r file shown; do
    # As strict as dpkg-source is.
    patch --directory=tree --strip=1 --unified --fuzz=0 --forward --batch --no-backup-if-mismatch --reject-file=- \
        < "/opb/files/$file" || {
        echo "the patch \`$shown\` does not apply to the source" >&2
        exit 1
    }
done < /opb/files/patches
