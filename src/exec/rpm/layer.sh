# Installs the packages in $OPB_FOLDER/packages into the root that this runs in, by its own rpm.
set -eu
umask 022
# A component that needs nothing beyond the base has an empty layer.
for package in "$OPB_FOLDER"/packages/*.rpm; do
    if [ -e "$package" ]; then
        # What a component makes may be older than what the base has.
        rpm --upgrade --oldpackage --define '_netsharedpath /dev:/proc' "$OPB_FOLDER"/packages/*.rpm
        break
    fi
done
