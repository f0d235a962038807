# Fills the empty folder $OPB_ROOT with the packages in $OPB_FOLDER/packages, by the host's dnf. Runs as the guest's root over the
# host's /usr.
set -eu
umask 022
# No repository, so that exactly these packages are installed or none.
dnf --config="$OPB_FOLDER/dnf.conf" --installroot="$OPB_ROOT" --releasever="$(cat "$OPB_FOLDER/release")" --disablerepo='*' --assumeyes \
    --quiet install "$OPB_FOLDER"/packages/*.rpm
