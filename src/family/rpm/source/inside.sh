mkdir -p top/SOURCES top/SPECS
cp "tree/$OPB_SPEC" top/SPECS/
beside=$(dirname "tree/$OPB_SPEC")
