# Installs the published packages in /in/earlier, upgrades them to those in /in/rpms, and erases those that are looked at. Runs as
# root.
. /opb/files/setup
mkdir -p /out/report
: > /out/report/findings
names_of /in/earlier/*.rpm > /tmp/opb-published
# What is there before: what others have published, and where they have not, what is new of them.
beside() {
    for file in $(others); do
        name_of "$file"
        grep -q -x -F -e "$name" /tmp/opb-published || echo "$file"
    done
    others /in/earlier
}
# What is not there already.
new() {
    for file in /in/rpms/*.rpm; do
        name_of "$file"
        if grep -q -x -F -e "$name" /tmp/opb-published; then
            cmp -s "$file" "/in/earlier/${file##*/}" || echo "$file"
        elif is_looked_at; then
            echo "$file"
        fi
    done
}
not_tried() {
    found N upgrade-not-tried 'what is published cannot be installed beside what the new packages need'
    exit 0
}
echo '== installing what is published'
install_support $(beside) || not_tried
look
install_rpms $(looked_at /in/earlier) || not_tried
echo '== upgrading'
watched scriptlet-failed-in-upgrade --upgrade --oldpackage --replacepkgs $(new)
say_what_is_altered not-whole-after-upgrade
erase=$(to_erase)
if [ -n "$erase" ]; then
    echo '== erasing'
    watched scriptlet-failed-in-upgrade --erase --nodeps $(names_of $erase)
    say_what_is_left left-after-upgrade
fi
