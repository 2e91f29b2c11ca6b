echo "built on $(uname -n)" >/out/out
