# Debian's own static library wants GnuTLS, which cannot be linked statically.
recipe=microhttpd
. /kiln/uses/guest-init/recipe.sh

unpack libmicrohttpd
gcc -std=c17 -D_GNU_SOURCE -I. -Ilibmicrohttpd/src/include $flags -Wall \
    -Wextra -Werror -c -o serve.o recipes/$recipe/serve.c
ar rcD /out/libserve.a serve.o
install -m 0644 recipes/$recipe/serve.h /out

# Not built: TLS, logins, forms.
cd libmicrohttpd
CFLAGS="$flags" ./configure --quiet --disable-shared --enable-static \
    --disable-https --disable-bauth --disable-dauth --disable-postprocessor \
    --disable-doc --disable-examples --disable-curl --disable-nls
make -s -C src/microhttpd -j "$KILN_JOBS" ACLOCAL=: AUTOCONF=: AUTOHEADER=: \
    AUTOMAKE=: libmicrohttpd.la
install -m 0644 src/microhttpd/.libs/libmicrohttpd.a \
    src/include/microhttpd.h /out
