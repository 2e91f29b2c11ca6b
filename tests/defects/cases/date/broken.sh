{ echo "thing 1.0"; echo "built $(date)"; } >/out/out
