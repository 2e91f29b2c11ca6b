echo data >file && chmod 644 file
tar --mtime="@$SOURCE_DATE_EPOCH" -cf /out/out file
