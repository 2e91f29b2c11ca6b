# The program that asks sq, and the image's configure program; sq comes from
# its package.
recipe=openpgp
. /kiln/uses/guest-init/recipe.sh

program configure configure_main.c pgp.c -lsodium
program openpgp serve_main.c pgp.c sq.c -I/kiln/uses/microhttpd \
    -L/kiln/uses/microhttpd -lmicrohttpd -lsodium -lpthread
