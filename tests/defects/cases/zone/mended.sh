echo "release $(date -u -d "@$SOURCE_DATE_EPOCH" '+%F %H:%M')" >/out/out
