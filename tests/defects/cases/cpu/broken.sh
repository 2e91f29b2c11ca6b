echo "tuned for threads=$(nproc)" >/out/out
