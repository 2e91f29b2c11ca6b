echo "prefix=/usr/local" >/out/out
