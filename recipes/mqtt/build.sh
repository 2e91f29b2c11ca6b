# mosquitto, static, with Debian's patches; and the image's configure program.
recipe=mqtt
. /kiln/uses/guest-init/recipe.sh

# Not built: persistence, bridges, plug-in control, pre-shared keys, sockets
# of files; the guest has no use for them.
unpack mosquitto
make -C mosquitto/src -j "$KILN_JOBS" CC=gcc CFLAGS="$flags" \
    LDFLAGS="$link" WITH_DOCS=no WITH_PERSISTENCE=no WITH_BRIDGE=no \
    WITH_CONTROL=no WITH_TLS_PSK=no WITH_UNIX_SOCKETS=no mosquitto
install -m 0755 mosquitto/src/mosquitto /out/mosquitto
program configure configure_main.c mqtt_conf.c
