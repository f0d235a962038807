if [ "$(realpath -e "tree/$OPB_PACKAGING")" != "$(realpath -e tree)/$OPB_PACKAGING" ]; then
    echo "the source has no folder \`$OPB_PACKAGING\`, or a symbolic link is on the way to it" >&2
    exit 1
fi
mv "tree/$OPB_PACKAGING" packaging
rm -rf tree/debian
mv packaging tree/debian
