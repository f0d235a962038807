# Installs the packages in /in/debs, removes and purges them, and says what is other than before. Runs as root.
. /opb/files/setup
install_debs $(others)
mkdir -p /out/report
: > /out/report/findings
# All paths, but for what is no part of the root, and for what any package may leave.
paths() {
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp -o -path /in \
        -o -path /out -o -path /opb -o -path /build -o -path /var/cache -o -path /var/log -o -path /var/lib/dpkg \
        -o -path /var/lib/apt -o -path /var/lib/ucf -o -path '/var/lib/systemd/deb-systemd-*' -o -path '/etc/*-' \
        -o -path /usr/share/info/dir -o -path /usr/share/info/dir.old -o -path /etc/ld.so.cache -o -name __pycache__ \) \
        -prune -o -print | LC_ALL=C sort
}
dpkg-query --show --showformat '${Package} ${db:Status-Status}\n' | sed -n 's/ installed$//p' | LC_ALL=C sort -u > /tmp/opb-installed
paths > /tmp/opb-before
# What packages of the base that are newer here had, may go.
while IFS= read -r name; do
    cat /var/lib/dpkg/info/"$name".list /var/lib/dpkg/info/"$name":*.list 2> /dev/null || true
done < /opb/files/packages | LC_ALL=C sort -u > /tmp/opb-had
echo '== installing'
install_debs $(looked_at)
problems=$(dpkg --audit)
if [ -n "$problems" ]; then
    printf 'error: packages are not whole:\n%s\n' "$problems"
    exit 1
fi
# What the root had before cannot be taken from it.
remove=$(LC_ALL=C sort -u /opb/files/packages | LC_ALL=C comm -23 - /tmp/opb-installed)
found() {
    printf '%s: %s: %s %s\n' "$1" "$OPB_COMPONENT" "$2" "$3"
    printf '%s: %s: %s %s\n' "$1" "$OPB_COMPONENT" "$2" "$3" >> /out/report/findings
}
if [ -n "$remove" ]; then
    echo '== removing'
    dpkg --remove $remove < /dev/null
    echo '== installing again'
    install_debs $(looked_at)
    echo '== purging'
    dpkg --purge $remove < /dev/null
    paths > /tmp/opb-after
    # What packages have that stay is theirs: those of the base that are newer here have other files than before.
    cat /var/lib/dpkg/info/*.list | LC_ALL=C sort -u - /tmp/opb-before > /tmp/opb-known
    LC_ALL=C comm -13 /tmp/opb-known /tmp/opb-after > /tmp/opb-left
    LC_ALL=C comm -23 /tmp/opb-before /tmp/opb-after | LC_ALL=C comm -23 - /tmp/opb-had > /tmp/opb-gone
    while IFS= read -r path; do found W left-after-purge "$path"; done < /tmp/opb-left
    while IFS= read -r path; do found E gone-after-purge "$path"; done < /tmp/opb-gone
fi
