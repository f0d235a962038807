# What is in the upstream archive as it came, packed as the spec's name for it says.
case "$OPB_UPSTREAM" in
*.tar) unpacker=cat ;;
*.tar.gz | *.tgz) unpacker='gzip -dc' ;;
*.tar.bz2 | *.tbz2) unpacker='bzip2 -dc' ;;
*.tar.zst) unpacker='zstd -qdc' ;;
*) unpacker='xz -dc' ;;
esac
$unpacker "/in/source/$OPB_UPSTREAM" > upstream.tar
$packer < upstream.tar > "top/SOURCES/$OPB_ARCHIVE"
