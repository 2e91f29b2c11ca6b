# dnsmasq, static, with Debian's patches; and the image's configure program.
recipe=dns-dhcp
. /kiln/uses/guest-init/recipe.sh

# Not built: TFTP, answering for zones to the outside, packet dumps, ipsets.
unpack dnsmasq

# At its start it would tell its script of each lease that the script just gave
# it, a process each: the LAN would wait for hundreds of them at a hand-over.
again=$(grep -c '^[[:space:]]rerun_scripts();$' dnsmasq/src/dnsmasq.c)
if [ "$again" != 1 ]; then
	echo "dnsmasq tells its script of all leases in $again places"
	exit 1
fi
sed -i '/^[[:space:]]rerun_scripts();$/d' dnsmasq/src/dnsmasq.c

make -C dnsmasq -j "$KILN_JOBS" CC=gcc \
    COPTS='-DNO_TFTP -DNO_AUTH -DNO_DUMPFILE -DNO_IPSET -DNO_ID' \
    CFLAGS="$flags -Wall -W" LDFLAGS="$link"
install -m 0755 dnsmasq/src/dnsmasq /out/dnsmasq
program configure configure_main.c dnsmasq_conf.c dnsmasq_dhcp.c
program configure-dhcp configure_main.c dnsmasq_conf.c dnsmasq_dhcp.c -DDHCP_ALONE
# musl: it runs at every change of a lease.
musl-gcc -std=c17 -D_GNU_SOURCE -Os -g0 -Wall -Wextra -Werror $link \
    -o /out/leases recipes/dns-dhcp/leases_main.c
chmod 0755 /out/leases
