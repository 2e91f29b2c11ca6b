# mosquitto, static, with Debian's patches; and the image's configure program.
flags="-O2 -g0 -fstack-protector-strong -D_FORTIFY_SOURCE=2"
flags="$flags -ffile-prefix-map=$PWD=."
link='-static -Wl,--build-id=none -Wl,-z,relro -Wl,-z,noexecstack -s'

mkdir mosquitto
tar -x -f /kiln/sources/mosquitto_*.orig.tar.* -C mosquitto \
    --strip-components=1
tar -x -f /kiln/sources/mosquitto_*.debian.tar.* -C mosquitto
while read -r patch; do
	case $patch in '' | '#'*) continue ;; esac
	patch -d mosquitto -p1 -s < "mosquitto/debian/patches/$patch"
done < mosquitto/debian/patches/series

# Not built: persistence, bridges, plug-in control, pre-shared keys, sockets
# of files; the guest has no use for them.
make -C mosquitto/src -j "$KILN_JOBS" CC=gcc CFLAGS="$flags" \
    LDFLAGS="$link" WITH_DOCS=no WITH_PERSISTENCE=no WITH_BRIDGE=no \
    WITH_CONTROL=no WITH_TLS_PSK=no WITH_UNIX_SOCKETS=no mosquitto
cp mosquitto/src/mosquitto /out/mosquitto

# The sources include each other from the root of the project.
mkdir -p recipes
ln -s /kiln/recipe recipes/mqtt
ln -s /kiln/uses/guest-init recipes/guest-init
gcc -std=c17 -D_GNU_SOURCE -I. $flags -Wall -Wextra -Werror $link \
    -o /out/configure recipes/mqtt/configure_main.c recipes/mqtt/mqtt_conf.c \
    recipes/mqtt/pem.c recipes/guest-init/libguest.a -ljansson
chmod 0755 /out/mosquitto /out/configure
