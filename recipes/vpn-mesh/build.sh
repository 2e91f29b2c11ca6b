# The data plane is the kernel's; this is the control plane, and the image's
# configure program.
recipe=vpn-mesh
. /kiln/uses/guest-init/recipe.sh
ln -s /kiln/uses/vpn-wireguard recipes/vpn-wireguard

# Behind libtunnel.a once more, which needs what no other asks for.
wg="-L/kiln/uses/vpn-wireguard -ltunnel -L/kiln/uses/guest-init -l:libguest.a"
program configure configure_main.c mesh.c $wg -lsodium
program mesh mesh_main.c admit.c gossip.c keep.c mesh.c node.c path.c relay.c \
    talk.c $wg -lsodium
