# Runs the tests that a source has for its installed packages, as far as they run in one root: `script ROOT USER`. Runs first as
# the user `builder`, then as root, each for the tests that want that user. /opb/files/tests has a line for each test that runs:
# its number, its root, its user, its name, and what it may, between commas. /opb/files/not-run has findings on the others. Each
# test has a copy of the source of its own, but for those that want a built one: where that is, it was built.
set -eu
root=${1-000}
user=${2-builder}
built=/build/built/source
mkdir -p /out/report
findings=/out/report/findings
said() {
    printf '%s: %s: %s\n' "$1" "$OPB_COMPONENT" "$2"
    printf '%s: %s: %s\n' "$1" "$OPB_COMPONENT" "$2" >> "$findings"
}
unpack() {
    mkdir -p "${1%/*}"
    dpkg-source --no-check -x /in/source/*.dsc "$1"
}
if [ ! -e "$findings" ]; then
    : > "$findings"
    while read -r severity rest; do said "$severity" "$rest"; done < /opb/files/not-run
fi
DEB_BUILD_OPTIONS=parallel=$(nproc)
export DEB_BUILD_OPTIONS
if [ "$user" = builder ] && grep -q "^[0-9]* $root .*,build-needed," /opb/files/tests; then
    unpack "$built"
    echo '== building the source'
    cd "$built"
    # Its own tests are part of its build, which was before this.
    DEB_BUILD_OPTIONS="nocheck $DEB_BUILD_OPTIONS" dpkg-buildpackage -d -T build < /dev/null || echo $? > /build/built/failed
fi
is() { case $flags in *",$1,"*) return 0 ;; *) return 1 ;; esac; }
while read -r number where who name flags <&3; do
    [ "$where $who" = "$root $user" ] || continue
    file=/opb/files/test-$number
    folder=/build/$user/$number
    mkdir -p "$folder/tmp" "$folder/artifacts" "$folder/home"
    if is build-needed; then
        if [ -e /build/built/failed ]; then
            said E "test-not-run $name: building the source failed with exit status $(cat /build/built/failed)"
            continue
        fi
        cd "$built"
    else
        [ -d "/build/$user/source" ] || unpack "/build/$user/source"
        cp -a "/build/$user/source" "$folder/source"
        cd "$folder/source"
    fi
    echo "== $name"
    status=0
    HOME=$folder/home AUTOPKGTEST_TMP=$folder/tmp ADTTMP=$folder/tmp AUTOPKGTEST_ARTIFACTS=$folder/artifacts \
        AUTOPKGTEST_NORMAL_USER=builder \
        timeout --kill-after=10 10000 bash -e "$file.run" < /dev/null > "$folder/out" 2> "$folder/err" || status=$?
    cat "$folder/out" "$folder/err"
    result=passed
    if [ $status -eq 77 ] && is skippable; then
        said N "test-skipped $name: it says that it cannot run here"
        continue
    elif [ $status -eq 124 ]; then
        result='took longer than 10000 seconds'
    elif [ $status -ne 0 ]; then
        result="failed with exit status $status"
    elif [ -s "$folder/err" ] && ! is allow-stderr; then
        result="wrote to the standard error: $(head -n 1 "$folder/err")"
    fi
    if [ "$result" = passed ]; then
        if is superficial; then said I "superficial-test-passed $name"; else said O "test-passed $name"; fi
    elif is flaky; then
        said I "flaky-test-failed $name: $result"
    else
        said E "test-failed $name: $result"
    fi
done 3< /opb/files/tests
