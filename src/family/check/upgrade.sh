# Installs the published packages in /in/earlier, upgrades them to those in /in/debs, and purges those that are looked at. Runs as
# root.
. /opb/files/setup
mkdir -p /out/report
: > /out/report/findings
found() {
    printf '%s: %s: %s %s\n' "$1" "$OPB_COMPONENT" "$2" "$3"
    printf '%s: %s: %s %s\n' "$1" "$OPB_COMPONENT" "$2" "$3" >> /out/report/findings
}
# What no published package comes before.
first() {
    for deb in $(others); do
        name=${deb##*/}
        set -- /in/earlier/"${name%%_*}"_*.deb
        [ -e "$1" ] || echo "$deb"
    done
}
paths() {
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp -o -path /in \
        -o -path /out -o -path /opb -o -path /build -o -path /var/cache -o -path /var/log -o -path /var/lib/dpkg \
        -o -path /var/lib/apt -o -path /var/lib/ucf -o -path '/var/lib/systemd/deb-systemd-*' -o -path '/etc/*-' \
        -o -path /usr/share/info/dir -o -path /usr/share/info/dir.old -o -path /etc/ld.so.cache -o -name __pycache__ \) \
        -prune -o -print | LC_ALL=C sort
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
problems=$(dpkg --audit)
if [ -n "$problems" ]; then
    printf 'error: packages are not whole:\n%s\n' "$problems"
    exit 1
fi
remove=$(LC_ALL=C sort -u /opb/files/packages | LC_ALL=C comm -23 - /tmp/opb-installed)
if [ -n "$remove" ]; then
    echo '== purging'
    dpkg --purge $remove < /dev/null
    # What other packages have is theirs.
    cat /var/lib/dpkg/info/*.list | LC_ALL=C sort -u - /tmp/opb-before > /tmp/opb-known
    paths | LC_ALL=C comm -13 /tmp/opb-known - > /tmp/opb-left
    while IFS= read -r path; do found W left-after-upgrade "$path"; done < /tmp/opb-left
fi
