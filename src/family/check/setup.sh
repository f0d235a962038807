# What installs the packages in /in/debs into the root that this runs in, as its root. Nobody is asked anything: a question of a
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
