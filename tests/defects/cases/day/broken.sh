echo "copyright $(date -u +%F), the authors" >/out/out
