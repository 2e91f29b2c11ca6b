sleep 1 # The lanes of so small a build may lie within one second.
echo data >file && chmod 644 file
tar --owner=0 --group=0 --numeric-owner -cf /out/out file
