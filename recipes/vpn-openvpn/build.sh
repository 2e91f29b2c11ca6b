# OpenVPN, static, with Debian's patches; the program beside it, and the
# image's configure program.  nft comes from its package.
recipe=vpn-openvpn
. /kiln/uses/guest-init/recipe.sh

# Not built: compression, plug-ins, the kernel's data channel, scripts' helpers.
unpack openvpn
cd openvpn
CFLAGS="$flags" ./configure --quiet --disable-lzo --disable-lz4 \
    --disable-plugins --disable-plugin-auth-pam --disable-plugin-down-root \
    --disable-dco --disable-debug --disable-unit-tests
for part in src/compat src/openvpn; do
	make -s -C $part -j "$KILN_JOBS" ACLOCAL=: AUTOCONF=: AUTOHEADER=: \
	    AUTOMAKE=: LDFLAGS="-all-static ${link#-static }"
done
cd ..
install -m 0755 openvpn/src/openvpn/openvpn /out/openvpn
program configure configure_main.c ovpn.c
program tunnel tunnel_main.c ovpn.c
