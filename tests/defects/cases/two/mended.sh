echo "by whom" >/out/out
date -u -d "@$SOURCE_DATE_EPOCH" >>/out/out
