# The upstream archive as it came, byte for byte.
cp "/in/source/$OPB_UPSTREAM" "top/SOURCES/$OPB_ARCHIVE"
