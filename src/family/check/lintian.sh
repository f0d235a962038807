# Runs lintian on the packages in /in/packages. Runs as the user `builder` in /build.
set -eu
mkdir -p /out/report
cd /in/packages
set --
for deb in *.deb; do
    if [ -e "$deb" ] && grep -q -x -F -e "${deb%%_*}" /opb/files/packages; then set -- "$@" "./$deb"; fi
done
if [ $# -eq 0 ]; then
    echo 'error: there is no package to look at'
    exit 1
fi
lintian --version
status=0
# What it exits with when it found something differs between its versions, but for those that can be told.
case $(lintian --help) in
*--fail-on*) lintian --no-cfg --color never --fail-on none "$@" > /build/said || status=$? ;;
*) lintian --no-cfg --color never "$@" > /build/said || { status=$?; [ $status -ne 1 ] || status=0; } ;;
esac
# What is said of the first changelog entry is said of the one that gives a build its number, whatever the source.
tags='bogus-mail-host-in-debian-changelog|latest-changelog-entry-without-new-date|syntax-error-in-debian-changelog'
# Names of files may be any bytes, and grep ends with 1 where nothing is left.
grep -a -v -E ": ($tags) .*changelog(\.Debian)?\.gz:1\]\$" /build/said > /out/report/findings || [ $? -eq 1 ]
cat /out/report/findings
exit $status
