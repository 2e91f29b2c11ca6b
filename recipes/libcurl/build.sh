# HTTP and HTTPS by OpenSSL, names by c-ares: it wants nothing of the system's
# but /etc/resolv.conf, /etc/hosts and the certificates.
recipe=libcurl
. /kiln/uses/guest-init/recipe.sh

unpack curl
cd curl
# dash is twice as fast at it as bash.
CFLAGS="$flags" CONFIG_SHELL=/bin/dash /bin/dash ./configure --quiet --prefix=/usr --libdir=/usr/lib \
    --disable-shared --enable-static --with-openssl --enable-ares \
    --with-ca-bundle=/etc/ssl/certs/ca-certificates.crt --without-ca-path \
    --enable-http --disable-ftp --disable-file --disable-ldap --disable-ldaps \
    --disable-rtsp --disable-dict --disable-telnet --disable-tftp \
    --disable-pop3 --disable-imap --disable-smb --disable-smtp \
    --disable-gopher --disable-mqtt --disable-manual --disable-ntlm \
    --disable-tls-srp --disable-unix-sockets --disable-cookies \
    --disable-alt-svc --disable-hsts --disable-doh --disable-netrc \
    --disable-versioned-symbols --disable-dependency-tracking \
    --without-brotli --without-zstd --without-zlib --without-libpsl \
    --without-libidn2 --without-libssh2 --without-librtmp --without-nghttp2 \
    --without-gssapi
for part in lib include; do
	make -s -C $part -j "$KILN_JOBS" ACLOCAL=: AUTOCONF=: AUTOHEADER=: \
	    AUTOMAKE=: all
	make -s -C $part ACLOCAL=: AUTOCONF=: AUTOHEADER=: AUTOMAKE=: \
	    install DESTDIR="$PWD/root"
done
make -s install-pkgconfigDATA DESTDIR="$PWD/root"
rm "$PWD/root/usr/lib/libcurl.la"
tar -c -f /out/libcurl.tar -C root --sort=name --mtime="@$SOURCE_DATE_EPOCH" \
    --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw usr
chmod 0644 /out/libcurl.tar
