# The tunnel is the kernel's; this is the program that tells it of keys and
# peers, and the image's configure program.
recipe=vpn-wireguard
. /kiln/uses/guest-init/recipe.sh

program configure configure_main.c tunnel.c -lsodium
program wireguard wireguard_main.c device.c tunnel.c -lsodium
# For vpn-mesh.
for file in device tunnel; do
    gcc -std=c17 -D_GNU_SOURCE -I. $flags -Wall -Wextra -Werror -c \
        -o "$file.o" "recipes/$recipe/$file.c"
done
ar rcD /out/libtunnel.a device.o tunnel.o
install -m 0644 recipes/$recipe/device.h recipes/$recipe/tunnel.h /out
