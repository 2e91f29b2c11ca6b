# Debian's own kernel as it is, and an initrd of the modules that a guest needs
# before it has its root disk.  The package's name holds the kernel's version,
# so its files are found by pattern; there must be exactly one kernel.
. /kiln/uses/guest-init/initrd.sh
set -- /boot/vmlinuz-*
if [ $# -ne 1 ] || [ ! -f "$1" ]; then
	echo "not exactly one /boot/vmlinuz-*: $*"
	exit 1
fi
kernel=/lib/modules/${1#/boot/vmlinuz-}/kernel
cp "$1" /out/vmlinuz

# In the order of loading: each stands behind what it needs.  virtio-rng gives
# a guest its first random numbers, evdev and button its power button.
modules='
    drivers/virtio/virtio_ring drivers/virtio/virtio drivers/virtio/virtio_mmio
    drivers/virtio/virtio_pci_legacy_dev drivers/virtio/virtio_pci_modern_dev
    drivers/virtio/virtio_pci
    drivers/char/hw_random/virtio-rng drivers/char/virtio_console
    drivers/block/virtio_blk
    net/core/failover drivers/net/net_failover drivers/net/virtio_net
    lib/libcrc32c fs/erofs/erofs
    drivers/input/evdev drivers/acpi/button'

# What only some images need, by group: they name it in /etc/kiln/modules.
groups='
    nftables net/netfilter/nfnetlink
    nftables net/netfilter/nf_tables
    nftables net/ipv4/netfilter/nf_defrag_ipv4
    nftables net/ipv6/netfilter/nf_defrag_ipv6
    nftables net/netfilter/nf_conntrack
    nftables net/netfilter/nft_ct
    nftables net/netfilter/nf_nat
    nftables net/netfilter/nft_masq
    nftables net/netfilter/nft_nat
    nftables net/netfilter/nft_chain_nat
    nftables net/netfilter/nft_limit
    nftables net/ipv4/netfilter/nf_reject_ipv4
    nftables net/ipv6/netfilter/nf_reject_ipv6
    nftables net/netfilter/nft_reject
    nftables net/netfilter/nft_reject_inet
    wireguard lib/crypto/libcurve25519-generic
    wireguard net/ipv4/udp_tunnel
    wireguard net/ipv6/ip6_udp_tunnel
    wireguard arch/x86/crypto/poly1305-x86_64
    wireguard lib/crypto/libchacha
    wireguard arch/x86/crypto/chacha-x86_64
    wireguard lib/crypto/libchacha20poly1305
    wireguard arch/x86/crypto/curve25519-x86_64
    wireguard drivers/net/wireguard/wireguard
    tun drivers/net/tun'

{
	for module in $modules; do
		# What a kernel of another architecture has built in.
		grep -qx "kernel/$module.ko" \
		    "${kernel%/kernel}/modules.builtin" ||
		    echo "$kernel/$module.ko"
	done
	echo "$groups" | while read -r group module; do
		[ -n "$group" ] || continue
		# What another architecture has for its processors.
		case $module in
		arch/*) [ -e "$kernel/$module.ko" ] || continue ;;
		esac
		echo "$kernel/$module.ko $group"
	done
} >list
initrd <list
chmod 0644 /out/vmlinuz
