# Runs the tests that a source has for its installed packages, each in a copy of the source of its own. Runs first as the user
# `builder`, then with the argument `root` as root, each for the tests that want that user. /opb/files/tests has a line for each
# test: its number, its name, and what it may, between commas.
set -eu
user=${1-builder}
mkdir -p /out/report
findings=/out/report/findings
said() {
    printf '%s: %s: %s %s\n' "$1" "$OPB_COMPONENT" "$2" "$3"
    printf '%s: %s: %s %s\n' "$1" "$OPB_COMPONENT" "$2" "$3" >> "$findings"
}
if [ "$user" = builder ]; then
    : > "$findings"
    [ -s /opb/files/tests ] || said N no-tests 'there is no debian/tests/control'
fi
is() { case $flags in *",$1,"*) return 0 ;; *) return 1 ;; esac; }
while read -r number name flags <&3; do
    wants=builder
    if is needs-root; then wants=root; fi
    [ "$wants" = "$user" ] || continue
    file=/opb/files/test-$number
    if [ -e "$file.skip" ]; then
        said N test-skipped "$name: $(cat "$file.skip")"
        continue
    fi
    if [ ! -d "/build/$user/source" ]; then
        mkdir -p "/build/$user"
        dpkg-source --no-check -x /in/source/*.dsc "/build/$user/source"
    fi
    folder=/build/$user/$number
    mkdir -p "$folder/tmp" "$folder/artifacts" "$folder/home"
    cp -a "/build/$user/source" "$folder/source"
    cd "$folder/source"
    depends=$(cat "$file.depends")
    if [ -n "$depends" ] && ! missing=$(dpkg-checkbuilddeps -A -B -I -c '' -d "$depends" 2>&1); then
        missing=$(printf '%s' "$missing" | sed 's/.*: //' | tr '\n' ' ')
        said E test-not-run "$name: not installed: $missing(name it in \`needs\` of the recipe's check)"
        continue
    fi
    echo "== $name"
    status=0
    HOME=$folder/home AUTOPKGTEST_TMP=$folder/tmp ADTTMP=$folder/tmp AUTOPKGTEST_ARTIFACTS=$folder/artifacts \
        timeout --kill-after=10 10000 /bin/sh -e "$file.run" < /dev/null > "$folder/out" 2> "$folder/err" || status=$?
    cat "$folder/out" "$folder/err"
    result=passed
    if [ $status -eq 77 ] && is skippable; then
        said N test-skipped "$name: it says that it cannot run here"
        continue
    elif [ $status -eq 124 ]; then
        result='took longer than 10000 seconds'
    elif [ $status -ne 0 ]; then
        result="failed with exit status $status"
    elif [ -s "$folder/err" ] && ! is allow-stderr; then
        result="wrote to the standard error: $(head -n 1 "$folder/err")"
    fi
    if [ "$result" = passed ]; then
        if is superficial; then said I superficial-test-passed "$name"; else said O test-passed "$name"; fi
    elif is flaky; then
        said I flaky-test-failed "$name: $result"
    else
        said E test-failed "$name: $result"
    fi
done 3< /opb/files/tests
