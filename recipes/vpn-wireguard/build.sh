# The tunnel is the kernel's; this is the program that tells it of keys and
# peers, and the image's configure program.
recipe=vpn-wireguard
. /kiln/uses/guest-init/recipe.sh

program configure configure_main.c tunnel.c -lsodium
program wireguard wireguard_main.c tunnel.c -lsodium
