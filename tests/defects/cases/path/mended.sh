echo "searched in /usr/bin" >/out/out
