# What installs the packages in /in/debs into the root that this runs in, as its root, and says what is left. Nobody is asked anything: a question of a
# package is answered with its default.
set -eu
umask 022
export HOME=/root
install_debs() {
    [ $# -gt 0 ] || return 0
    if command -v apt-get > /dev/null; then
        apt-get --yes --quiet --no-install-recommends --allow-downgrades --option APT::Sandbox::User=root \
            --option Dir::Etc::SourceList=/dev/null --option Dir::Etc::SourceParts=/dev/null \
            --option Dpkg::Options::=--force-confdef --option Dpkg::Options::=--force-confold \
            install "$@" < /dev/null
    else
        dpkg --force-confdef --force-confold --install "$@" < /dev/null
    fi
}
# Names of packages are plain, so they need no quotes.
looked_at() {
    for deb in /in/debs/*.deb; do
        name=${deb##*/}
        if grep -q -x -F -e "${name%%_*}" /opb/files/packages; then echo "$deb"; fi
    done
}
others() {
    for deb in /in/debs/*.deb; do
        name=${deb##*/}
        if [ -e "$deb" ] && ! grep -q -x -F -e "${name%%_*}" /opb/files/packages; then echo "$deb"; fi
    done
}
install_all() {
    install_debs $(others)
    install_debs $(looked_at)
}
# All paths, but for what is no part of the root, and for what any package may leave.
paths() {
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp -o -path /in \
        -o -path /out -o -path /opb -o -path /build -o -path /var/cache -o -path /var/log -o -path /var/lib/dpkg \
        -o -path /var/lib/apt -o -path /var/lib/ucf -o -path '/var/lib/systemd/deb-systemd-*' -o -path '/etc/*-' \
        -o -path /usr/share/info/dir -o -path /usr/share/info/dir.old -o -path /etc/ld.so.cache -o -name __pycache__ \) \
        -prune -o -print | LC_ALL=C sort
}
refuse_what_is_not_whole() {
    problems=$(dpkg --audit)
    if [ -n "$problems" ]; then
        printf 'error: packages are not whole:\n%s\n' "$problems"
        exit 1
    fi
}
