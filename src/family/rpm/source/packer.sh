case "$OPB_ARCHIVE" in
*.tar) packer=cat ;;
*.tar.gz | *.tgz) packer='gzip --best --no-name' ;;
*.tar.bz2 | *.tbz2) packer='bzip2 --best' ;;
*.tar.xz | *.txz) packer='xz -T1' ;;
*.tar.lzma) packer='xz -T1 --format=lzma' ;;
*.tar.zst) packer='zstd -q -19' ;;
*)
    echo "cannot make \`$OPB_ARCHIVE\`: no way to pack such an archive is known" >&2
    exit 1
    ;;
esac
