# What installs the packages in /in/rpms into the root that this runs in, as its root and by its own rpm, and says what is left.
set -eu
umask 022
export HOME=/root
# Which packages there are was chosen before, so rpm need not choose. A folder that something is mounted on is the kernel's, and no
# package's to change.
rpm() { command rpm --define '_netsharedpath /dev:/proc' "$@" < /dev/null; }
# What a component makes may be older than what the base has, or what it has.
install_rpms() {
    [ $# -gt 0 ] || return 0
    rpm --upgrade --oldpackage --replacepkgs "$@"
}
# What packages need to be looked at may need them in turn: whether all goes together is seen when all is there.
install_support() {
    [ $# -gt 0 ] || return 0
    rpm --upgrade --oldpackage --replacepkgs --nodeps "$@"
}
install_all() { install_rpms $(others) $(looked_at); }
# Sets `name` to that of the package in a file. Names of packages are plain, so they need no quotes.
name_of() {
    name=${1##*/}
    name=${name%.*.rpm}
}
is_looked_at() { grep -q -x -F -e "$name" /opb/files/packages; }
# Both of the folder $1, or of what is new.
looked_at() {
    for file in "${1-/in/rpms}"/*.rpm; do
        name_of "$file"
        if is_looked_at; then echo "$file"; fi
    done
}
others() {
    for file in "${1-/in/rpms}"/*.rpm; do
        name_of "$file"
        if [ -e "$file" ] && ! is_looked_at; then echo "$file"; fi
    done
}
# What the root had before cannot be taken from it.
to_erase() {
    for file in $(looked_at); do
        name_of "$file"
        if ! grep -q -x -F -e "$name" /tmp/opb-installed; then echo "$file"; fi
    done
}
names_of() {
    for file; do
        name_of "$file"
        echo "$name"
    done
}
# What counts as there before.
look() {
    rpm --query --all --queryformat '%{NAME}\n' | LC_ALL=C sort -u > /tmp/opb-installed
    paths > /tmp/opb-before
    owned > /tmp/opb-owned
    altered > /tmp/opb-altered
}
owned() { rpm --query --all --list | LC_ALL=C sort -u; }
# All paths, but for what is no part of the root, and for what any package may leave.
paths() {
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp -o -path /in \
        -o -path /out -o -path /opb -o -path /build -o -path /var/cache -o -path /var/log -o -path /var/lib/rpm \
        -o -path /usr/lib/sysimage/rpm -o -path /var/lib/dnf -o -path /var/lib/yum -o -path '/etc/*-' -o -path /etc/.pwd.lock \
        -o -path /usr/share/info/dir -o -path /usr/share/info/dir.old -o -path /etc/ld.so.cache -o -name __pycache__ \
        -o -name '*.rpmsave' -o -name '*.rpmnew' \) \
        -prune -o -print | LC_ALL=C sort
}
# What is other than packages have it, path first. Settings are there to be changed, and a ghost need not be there.
altered() {
    # It ends with an error where there is any.
    { rpm --verify --all --nomtime 2>&1 || true; } | sed -e '/^[^ ]\{8,\}  [cg] /d' -e '/^missing   g /d' \
        -e 's/^\([^ ]\{7,\}\) *\([a-z] \)\{0,1\}\(\/.*\)$/\3 (\1)/' | LC_ALL=C sort -u
}
# Runs rpm and says, with the tag $1, which scriptlets failed: rpm goes on after most of them, and ends as if nothing was.
watched() {
    tag=$1
    shift
    status=0
    rpm "$@" > /tmp/opb-said 2>&1 || status=$?
    cat /tmp/opb-said
    # Without versions, so that what is known stays known.
    sed -n -e 's/^.*\(%[a-z]*\)(\([^ ()]*\)-[^-]*-[^-]*) scriptlet failed, \(.*\)$/\1 of \2: \3/p' -e t \
        -e 's/^.*lua script failed: [^"]*"\(%[a-z]*\)(\(.*\)$/\1 in Lua/p' -e t \
        -e '/scriptlet failed\|script failed/s/^.*$/a scriptlet of some package/p' /tmp/opb-said |
        LC_ALL=C sort -u > /tmp/opb-scriptlets
    while IFS= read -r what; do found E "$tag" "$what"; done < /tmp/opb-scriptlets
    return $status
}
# Says, with the tag $1, what is not as its package has it and was so before.
say_what_is_altered() {
    altered | LC_ALL=C comm -13 /tmp/opb-altered - > /tmp/opb-altered-now
    while IFS= read -r what; do found E "$1" "$what"; done < /tmp/opb-altered-now
}
# Says, with the tag $1, what is there and belongs to nobody, and was not there before.
say_what_is_left() {
    paths > /tmp/opb-after
    owned > /tmp/opb-owned-now
    LC_ALL=C sort -u /tmp/opb-before /tmp/opb-owned-now | LC_ALL=C comm -13 - /tmp/opb-after > /tmp/opb-left
    while IFS= read -r path; do found W "$1" "$path"; done < /tmp/opb-left
}
