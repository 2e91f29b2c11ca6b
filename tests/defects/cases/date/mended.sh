{ echo "thing 1.0"; echo "built $(date -u -d "@$SOURCE_DATE_EPOCH")"; } >/out/out
