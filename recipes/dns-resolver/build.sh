# unbound, static, with Debian's patches; the image's configure program; and
# one file of the authorities whose certificates upstream servers may have.
flags="-O2 -g0 -fstack-protector-strong -D_FORTIFY_SOURCE=2"
flags="$flags -ffile-prefix-map=$PWD=."
link='-static -Wl,--build-id=none -Wl,-z,relro -Wl,-z,noexecstack -s'

mkdir unbound
tar -x -f /kiln/sources/unbound_*.orig.tar.gz -C unbound --strip-components=1
tar -x -f /kiln/sources/unbound_*.debian.tar.* -C unbound
while read -r patch; do
	case $patch in '' | '#'*) continue ;; esac
	patch -d unbound -p1 -s < "unbound/debian/patches/$patch"
done < unbound/debian/patches/series

# A patch of the grammar makes the generated parser old; nobody asks the clock.
# Its own event loop and one thread are enough for a home.
cd unbound
CFLAGS="$flags" ./configure --quiet --disable-shared --disable-flto \
    --disable-rpath --without-pthreads --without-libevent \
    --without-pythonmodule --without-pyunbound --with-conf-file= \
    --with-pidfile= --with-run-dir= --with-chroot-dir= --with-username= \
    --with-rootkey-file=/etc/unbound/root.key
make -j "$KILN_JOBS" LDFLAGS="-all-static ${link#-static }" unbound
cd ..
cp unbound/unbound /out/unbound

# The package makes the bundle when it is installed, and nothing is installed.
cat /usr/share/ca-certificates/mozilla/*.crt > /out/ca.pem
cp /usr/share/dns/root.key /out/root.key

# The sources include each other from the root of the project.
mkdir -p recipes
ln -s /kiln/recipe recipes/dns-resolver
ln -s /kiln/uses/guest-init recipes/guest-init
gcc -std=c17 -D_GNU_SOURCE -I. $flags -Wall -Wextra -Werror $link \
    -o /out/configure recipes/dns-resolver/configure_main.c \
    recipes/dns-resolver/unbound_conf.c recipes/dns-resolver/pem.c \
    recipes/guest-init/libguest.a -ljansson
chmod 0755 /out/unbound /out/configure
chmod 0644 /out/ca.pem /out/root.key
