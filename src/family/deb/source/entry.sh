{
    printf '%s (%s) %s; urgency=low\n\n' "$OPB_SOURCE" "$OPB_VERSION" "$OPB_DISTRIBUTION"
    printf '  * Built by opb.\n\n'
    printf ' -- %s  %s\n\n' "$OPB_MAINTAINER" "$(date -R -u -d "@$SOURCE_DATE_EPOCH")"
    cat tree/debian/changelog
} > changelog
cat changelog > tree/debian/changelog
find tree -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
