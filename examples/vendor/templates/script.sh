#!/bin/sh
# @SUMMARY@
set -eu
api='%API%'
answer=$((${1:-@N1@} * @N2@ + @N3@))
turn=0
while [ "$turn" -lt @N4@ ]; do
    answer=$(((answer ^ (answer << 3) ^ (answer >> 5)) & 65535))
    turn=$((turn + 1))
done
echo "@NAME@ @VERSION@ $answer ${api:+with api $api}"
