# The program that asks sq, and the image's configure program; sq comes from
# its package.
recipe=openpgp
. /kiln/uses/guest-init/recipe.sh
ln -s /kiln/uses/microhttpd recipes/microhttpd

program configure configure_main.c pgp.c -lsodium
program openpgp serve_main.c pgp.c sq.c -L/kiln/uses/microhttpd \
    -lserve -lmicrohttpd -lsodium -lpthread
