if [ ! -e "$OPB_ROOT/etc/passwd" ] || ! grep -q '^builder:' "$OPB_ROOT/etc/passwd"; then
    mkdir -p "$OPB_ROOT/etc" "$OPB_ROOT/tmp" "$OPB_ROOT/var/tmp"
    chmod 1777 "$OPB_ROOT/tmp" "$OPB_ROOT/var/tmp"
    printf 'builder:x:1000:1000::/nonexistent:/bin/sh\n' >> "$OPB_ROOT/etc/passwd"
    printf 'builder:x:1000:\n' >> "$OPB_ROOT/etc/group"
    printf '127.0.0.1 localhost opb\n::1 localhost\n' > "$OPB_ROOT/etc/hosts"
fi
if [ -n "$OPB_DATABASE" ] && [ ! -e "$OPB_ROOT$OPB_DATABASE" ]; then
    echo "error: the distro's file says that rpm's database is $OPB_DATABASE, which the new root does not have; it has:"
    for folder in /var/lib/rpm /usr/lib/sysimage/rpm; do
        for file in rpmdb.sqlite Packages.db Packages; do
            [ ! -e "$OPB_ROOT$folder/$file" ] || echo "error: $folder/$file"
        done
    done
    exit 1
fi
# Keys that were imported show as packages; an epoch of 0 is none.
rpm --root="${OPB_ROOT:-/}" --query --all \
    --queryformat '%{NAME} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE} %{ARCH}\n' |
    sed -e '/^gpg-pubkey /d' -e 's/ 0:/ /' | LC_ALL=C sort > /tmp/installed
if ! cmp -s /tmp/installed "$OPB_FOLDER/expected"; then
    printf 'error: what is installed is not what the package list says:\n'
    diff "$OPB_FOLDER/expected" /tmp/installed || true
    exit 1
fi
rm -f /tmp/installed
