# stunnel, static, with Debian's patches; and the image's configure program.
recipe=tls-proxy
. /kiln/uses/guest-init/recipe.sh

# Not built: TCP wrappers, systemd's sockets, FIPS.  Its configure asks for a
# position-independent program, which a static one is not.  A patch may make the
# generated files old; nobody makes them anew.
unpack stunnel4
cd stunnel4
CFLAGS="$flags" ./configure --quiet --disable-shared --enable-static \
    --disable-libwrap --disable-systemd --disable-fips --with-ssl=/usr \
    --sysconfdir=/etc --localstatedir=/run
make -C src -j "$KILN_JOBS" ACLOCAL=: AUTOCONF=: AUTOHEADER=: AUTOMAKE=: \
    CFLAGS="$flags -fno-pie" \
    LDFLAGS="-all-static -no-pie ${link#-static }" stunnel
cd ..
install -m 0755 stunnel4/src/stunnel /out/stunnel
program configure configure_main.c stunnel_conf.c
