# The archive as the source RPM has it.
cp "tree/$OPB_ARCHIVE" "top/SOURCES/$OPB_ARCHIVE"
