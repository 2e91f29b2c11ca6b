echo "configured" >/out/out
