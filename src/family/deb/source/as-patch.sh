if [ "$OPB_FORMAT" = '3.0 (quilt)' ]; then
    # Patches of the source itself come first. What changes from here on outside of debian/ becomes one more of them, so
    # that the upstream archive stays as it is.
    dpkg-source --before-build tree
    mkdir -p tree/debian/source
    printf '%s\n' auto-commit include-binaries >> tree/debian/source/local-options
    printf 'Description: what the recipe lays into the source and patches in it\n' > tree/debian/source/local-patch-header
fi
