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
# Its client library, for the collector of histories.
make -C mosquitto/lib -j "$KILN_JOBS" CC=gcc CFLAGS="$flags" \
    WITH_DOCS=no WITH_THREADING=no WITH_TLS=no WITH_SHARED_LIBRARIES=no \
    WITH_STATIC_LIBRARIES=yes libmosquitto.a
program configure configure_main.c mqtt_conf.c history.c
program history history_main.c history.c \
    -Imosquitto/include -Lmosquitto/lib -lmosquitto
