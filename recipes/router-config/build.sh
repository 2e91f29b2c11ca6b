# The page, and the image's configure program.
recipe=router-config
. /kiln/uses/guest-init/recipe.sh

program configure configure_main.c page.c -lsodium
program page serve_main.c door.c talk.c page.c html.c -I/kiln/uses/microhttpd \
    -L/kiln/uses/microhttpd -lmicrohttpd -lsodium -lpthread
