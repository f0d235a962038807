case "$OPB_FORMAT" in
'3.0 (native)') ;;
*)
    # The upstream archive: the same bytes for every distro, so that all of them can share one name.
    case "$OPB_VERSION" in
    *-*)
        tar --create --format=gnu --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
            --exclude=tree/debian --transform="s,^tree,$OPB_SOURCE-$OPB_UPSTREAM_VERSION,S" tree |
            gzip --best --no-name > "${OPB_SOURCE}_$OPB_UPSTREAM_VERSION.orig.tar.gz"
        ;;
    esac
    ;;
esac
