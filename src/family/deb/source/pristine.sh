case "$OPB_FORMAT" in
'3.0 (native)') ;;
*)
    # The upstream archive as it came, byte for byte, with its signature.
    case "$OPB_VERSION" in
    *-*)
        for file in /in/upstream/*; do
            cp "$file" "${OPB_SOURCE}_$OPB_UPSTREAM_VERSION.orig.${file#/in/upstream/upstream.}"
        done
        ;;
    esac
    ;;
esac
