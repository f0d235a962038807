# Installs the packages in /in/rpms, erases them, does both again, and says what is other than before. Runs as root.
. /opb/files/setup
mkdir -p /out/report
: > /out/report/findings
install_support $(others)
look
echo '== installing'
watched scriptlet-failed --upgrade --oldpackage --replacepkgs $(looked_at)
say_what_is_altered not-whole-after-install
erase=$(to_erase)
if [ -n "$erase" ]; then
    echo '== erasing'
    watched scriptlet-failed --erase --nodeps $(names_of $erase)
    echo '== installing again'
    watched scriptlet-failed --upgrade --oldpackage --replacepkgs $erase
    echo '== erasing again'
    watched scriptlet-failed --erase --nodeps $(names_of $erase)
    say_what_is_left left-after-erase
    # What packages had that are not there any more, since others took their places, may go with them.
    LC_ALL=C comm -23 /tmp/opb-owned /tmp/opb-owned-now > /tmp/opb-given-up
    LC_ALL=C comm -23 /tmp/opb-before /tmp/opb-after | LC_ALL=C comm -23 - /tmp/opb-given-up > /tmp/opb-gone
    while IFS= read -r path; do found E gone-after-erase "$path"; done < /tmp/opb-gone
fi
