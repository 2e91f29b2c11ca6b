sleep 1
echo page >manual
gzip -9n manual && cp manual.gz /out/out
