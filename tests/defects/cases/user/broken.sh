echo "packaged by id=$(id -u)" >/out/out
