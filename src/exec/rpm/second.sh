# Fills the empty folder $OPB_ROOT with the packages in $OPB_FOLDER/packages, by the rpm of the root that this runs in, which has the
# same packages: its database is the one that the release's rpm reads.
set -eu
umask 022
rpm --root="$OPB_ROOT" --initdb
rpm --root="$OPB_ROOT" --install --define '_netsharedpath /dev:/proc' "$OPB_FOLDER"/packages/*.rpm
