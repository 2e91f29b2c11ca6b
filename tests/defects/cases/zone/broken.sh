echo "release $(date -d "@$SOURCE_DATE_EPOCH" '+%F %H:%M')" >/out/out
