# hostapd, static, with Debian's patches and what ./hostapd.config names; the
# program beside it, and the image's configure program.
recipe=wifi-ap
. /kiln/uses/guest-init/recipe.sh

unpack wpa
cp /kiln/recipe/hostapd.config wpa/hostapd/.config
make -s -C wpa/hostapd -j "$KILN_JOBS" EXTRA_CFLAGS="$flags" LDFLAGS="$link" \
    hostapd
install -m 0755 wpa/hostapd/hostapd /out/hostapd
program configure configure_main.c radio.c
program ap ap_main.c
