# Installs packages into the root that this runs in, as its root. Which: /opb/batch-*, one path a line, each batch when
# the one before is configured. /opb/expected lists what the root holds afterwards.
set -eu
umask 022
if [ ! -e /var/lib/dpkg/status ]; then
    # A base that has only been unpacked so far.
    mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates /var/lib/dpkg/triggers /etc/dpkg/dpkg.cfg.d /etc/apt/apt.conf.d \
        /usr/sbin
    : > /var/lib/dpkg/status
    : > /var/lib/dpkg/available
    [ -e /etc/passwd ] || cp /usr/share/base-passwd/passwd.master /etc/passwd
    [ -e /etc/group ] || cp /usr/share/base-passwd/group.master /etc/group
    printf 'builder:x:1000:1000::/nonexistent:/bin/sh\n' >> /etc/passwd
    printf 'builder:x:1000:\n' >> /etc/group
    printf '127.0.0.1 localhost opb\n::1 localhost\n' > /etc/hosts
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
    chmod 0755 /usr/sbin/policy-rc.d
    # The root can be made again at any time: nothing of it needs to survive a power cut.
    printf 'force-unsafe-io\nno-debsig\n' > /etc/dpkg/dpkg.cfg.d/opb
    printf 'APT::Install-Recommends "false";\nAPT::Install-Suggests "false";\n' > /etc/apt/apt.conf.d/00opb
    [ -e /etc/localtime ] || ln -s /usr/share/zoneinfo/UTC /etc/localtime
fi
for batch in /opb/batch-*; do
    # A component that needs nothing beyond the base has an empty layer, and no batch.
    [ -e "$batch" ] || continue
    # What one package of a batch needs may be unpacked in the same call, so order is not a reason to refuse.
    xargs dpkg --force-depends --force-confold --install < "$batch"
done
dpkg --configure --pending
problems=$(dpkg --audit)
if [ -n "$problems" ]; then
    printf 'error: packages are not whole:\n%s\n' "$problems"
    exit 1
fi
dpkg-query --show --showformat '${Package} ${Version} ${Architecture} ${db:Status-Status}\n' |
    sed -n 's/ installed$//p' | LC_ALL=C sort > /tmp/installed
if ! cmp -s /tmp/installed /opb/expected; then
    printf 'error: what is installed is not what the package list says:\n'
    diff /opb/expected /tmp/installed || true
    exit 1
fi
rm -f /tmp/installed
