# dnsmasq, static, with Debian's patches; and the image's configure program.
flags="-O2 -g0 -fstack-protector-strong -D_FORTIFY_SOURCE=2"
flags="$flags -ffile-prefix-map=$PWD=."
link='-static -Wl,--build-id=none -Wl,-z,relro -Wl,-z,noexecstack -s'

mkdir dnsmasq
tar -x -f /kiln/sources/dnsmasq_*.orig.tar.* -C dnsmasq --strip-components=1
tar -x -f /kiln/sources/dnsmasq_*.debian.tar.* -C dnsmasq
while read -r patch; do
	case $patch in '' | '#'*) continue ;; esac
	patch -d dnsmasq -p1 -s < "dnsmasq/debian/patches/$patch"
done < dnsmasq/debian/patches/series

# Not built: TFTP, answering for zones to the outside, packet dumps, ipsets.
make -C dnsmasq -j "$KILN_JOBS" CC=gcc \
    COPTS='-DNO_TFTP -DNO_AUTH -DNO_DUMPFILE -DNO_IPSET -DNO_ID' \
    CFLAGS="$flags -Wall -W" LDFLAGS="$link"
cp dnsmasq/src/dnsmasq /out/dnsmasq

# The sources include each other from the root of the project.
mkdir -p recipes
ln -s /kiln/recipe recipes/dns-dhcp
ln -s /kiln/uses/guest-init recipes/guest-init
gcc -std=c17 -D_GNU_SOURCE -I. $flags -Wall -Wextra -Werror $link \
    -o /out/configure recipes/dns-dhcp/configure_main.c \
    recipes/dns-dhcp/dnsmasq_conf.c recipes/guest-init/libguest.a -ljansson
# musl: it runs at every change of a lease.
musl-gcc -std=c17 -D_GNU_SOURCE -Os -g0 -Wall -Wextra -Werror $link \
    -o /out/leases recipes/dns-dhcp/leases_main.c
chmod 0755 /out/dnsmasq /out/configure /out/leases
