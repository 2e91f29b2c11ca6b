# The web server and the image's configure program; git comes from its package,
# with the libraries of its helper for https.
recipe=web-git
. /kiln/uses/guest-init/recipe.sh
ln -s /kiln/uses/microhttpd recipes/microhttpd

# As ca-certificates' own script makes it.
cat /usr/share/ca-certificates/mozilla/*.crt >/out/authorities.pem
program configure configure_main.c web.c -lsodium
program web serve_main.c site.c web.c -L/kiln/uses/microhttpd \
    -lserve -lmicrohttpd -lsodium -lpthread
