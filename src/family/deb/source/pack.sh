dpkg-source --build tree
mkdir -p /out/source
mv ./*.dsc ./*.tar.* /out/source/
for file in *.diff.gz; do
    [ ! -e "$file" ] || mv "$file" /out/source/
done
