sleep 1 # The lanes of so small a build may lie within one second.
echo page >manual
gzip -9 manual && cp manual.gz /out/out
