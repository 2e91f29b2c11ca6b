echo "copyright $(date -u -d "@$SOURCE_DATE_EPOCH" +%F), the authors" >/out/out
