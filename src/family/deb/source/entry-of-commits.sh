{
    printf '%s (%s) %s; urgency=low\n\n' "$OPB_SOURCE" "$OPB_VERSION" "$OPB_DISTRIBUTION"
    cat /opb/files/changes
    printf '\n -- %s  %s\n\n' "$OPB_MAINTAINER" "$(date -R -u -d "@$SOURCE_DATE_EPOCH")"
    cat tree/debian/changelog
} > changelog
cat changelog > tree/debian/changelog
