mkdir -p top/SOURCES top/SPECS
cp /opb/files/spec "top/SPECS/$OPB_SPEC"
beside=tree
