# pppd, static, with Debian's patches and its PPPoE plug-in inside; the program
# that dials with it, and the image's configure program.  nft comes from its
# package.
recipe=pppoe
. /kiln/uses/guest-init/recipe.sh

unpack ppp
cd ppp
# A static program loads no plug-in, so it has this one; and it need not be
# root, since what it asks of the kernel wants net_admin and net_raw alone.
sed -i -e 's/^    tty_init();/&\n    plugin_init();/' \
    -e 's/privileged = uid == 0/privileged = 1/' \
    -e 's/if (geteuid() != 0)/if (0)/' pppd/main.c
sed -i '/^char pppd_version/d' pppd/plugins/pppoe/plugin.c
./configure >/dev/null
set --
for c in plugin discovery if common; do
	gcc $flags -Iinclude -I. -c -o pppd/pppoe-$c.o pppd/plugins/pppoe/$c.c
	set -- "$@" pppoe-$c.o
done
# Not built: MS-CHAP, EAP-TLS, filters, multilink, PAM, systemd.
make -s -C pppd -j "$KILN_JOBS" CHAPMS= MPPE= FILTER= HAVE_MULTILINK= USE_TDB= \
    USE_EAPTLS= USE_LIBUTIL= HAS_SHADOW= USE_PAM= SYSTEMD= PLUGIN= \
    COPTS="$flags" LDFLAGS="$link" LIBS="$* -lcrypto -lcrypt" pppd
cd ..
install -m 0755 ppp/pppd/pppd /out/pppd
program configure configure_main.c dial.c
program line line_main.c dial.c
