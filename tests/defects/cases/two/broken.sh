echo "by $(id -u)" >/out/out
date >>/out/out
