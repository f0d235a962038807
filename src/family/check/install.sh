# Installs the packages in /in/debs, removes and purges them, and says what is other than before. Runs as root.
. /opb/files/setup
install_debs $(others)
mkdir -p /out/report
: > /out/report/findings
dpkg-query --show --showformat '${Package} ${db:Status-Status}\n' | sed -n 's/ installed$//p' | LC_ALL=C sort -u > /tmp/opb-installed
paths > /tmp/opb-before
# What packages of the base that are newer here had, may go.
while IFS= read -r name; do
    cat /var/lib/dpkg/info/"$name".list /var/lib/dpkg/info/"$name":*.list 2> /dev/null || true
done < /opb/files/packages | LC_ALL=C sort -u > /tmp/opb-had
echo '== installing'
install_debs $(looked_at)
refuse_what_is_not_whole
# What the root had before cannot be taken from it.
remove=$(LC_ALL=C sort -u /opb/files/packages | LC_ALL=C comm -23 - /tmp/opb-installed)
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
