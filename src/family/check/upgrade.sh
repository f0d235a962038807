# Installs the published packages in /in/earlier, upgrades them to those in /in/debs, and purges those that are looked at. Runs as
# root.
. /opb/files/setup
mkdir -p /out/report
: > /out/report/findings
# What no published package comes before.
first() {
    for deb in $(others); do
        name=${deb##*/}
        set -- /in/earlier/"${name%%_*}"_*.deb
        [ -e "$1" ] || echo "$deb"
    done
}
dpkg-query --show --showformat '${Package} ${db:Status-Status}\n' | sed -n 's/ installed$//p' | LC_ALL=C sort -u > /tmp/opb-installed
paths > /tmp/opb-before
echo '== installing what is published'
if ! install_debs $(first) /in/earlier/*.deb; then
    found N upgrade-not-tried 'what is published cannot be installed beside what the new packages need'
    exit 0
fi
echo '== upgrading'
install_debs $(others) $(looked_at)
refuse_what_is_not_whole
remove=$(LC_ALL=C sort -u /opb/files/packages | LC_ALL=C comm -23 - /tmp/opb-installed)
if [ -n "$remove" ]; then
    echo '== purging'
    dpkg --purge $remove < /dev/null
    # What other packages have is theirs.
    cat /var/lib/dpkg/info/*.list | LC_ALL=C sort -u - /tmp/opb-before > /tmp/opb-known
    paths | LC_ALL=C comm -13 /tmp/opb-known - > /tmp/opb-left
    while IFS= read -r path; do found W left-after-upgrade "$path"; done < /tmp/opb-left
fi
