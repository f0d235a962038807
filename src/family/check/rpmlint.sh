# Runs rpmlint on the packages in /in/packages. Runs as the user `builder` in /build.
set -eu
mkdir -p /out/report
cd /in/packages
set --
for rpm in *.rpm; do
    [ -e "$rpm" ] || continue
    name=${rpm%-*-*}
    if grep -q -x -F -e "$name" /opb/files/packages; then set -- "$@" "./$rpm"; fi
done
if [ $# -eq 0 ]; then
    echo 'error: there is no package to look at'
    exit 1
fi
rpmlint --version
status=0
rpmlint "$@" > /build/said || status=$?
cat /build/said
cp /build/said /out/report/findings
# 64 and more: it found errors; a program that is not whole ends with less.
[ $status -eq 0 ] || [ $status -ge 64 ]
