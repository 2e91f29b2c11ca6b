# unbound, static, with Debian's patches; the image's configure program; and
# one file of the authorities whose certificates upstream servers may have.
recipe=dns-resolver
. /kiln/uses/guest-init/recipe.sh

# A patch of the grammar makes the generated parser old; nobody asks the clock.
# Its own event loop and one thread are enough for a home.
unpack unbound
cd unbound
CFLAGS="$flags" ./configure --quiet --disable-shared --disable-flto \
    --disable-rpath --without-pthreads --without-libevent \
    --without-pythonmodule --without-pyunbound --with-conf-file= \
    --with-pidfile= --with-run-dir= --with-chroot-dir= --with-username= \
    --with-rootkey-file=/etc/unbound/root.key
make -j "$KILN_JOBS" LDFLAGS="-all-static ${link#-static }" unbound
cd ..
install -m 0755 unbound/unbound /out/unbound

# The package makes the bundle when it is installed, and nothing is installed.
cat /usr/share/ca-certificates/mozilla/*.crt > /out/ca.pem
install -m 0644 /usr/share/dns/root.key /out/root.key
program configure configure_main.c unbound_conf.c
