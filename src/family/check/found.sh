# Says what was found, to people and for the report.
found() {
    printf '%s: %s: %s %s\n' "$1" "$OPB_COMPONENT" "$2" "$3"
    printf '%s: %s: %s %s\n' "$1" "$OPB_COMPONENT" "$2" "$3" >> /out/report/findings
}
