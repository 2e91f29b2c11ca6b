# The page, and the image's configure program.
recipe=router-config
. /kiln/uses/guest-init/recipe.sh
ln -s /kiln/uses/microhttpd recipes/microhttpd

program configure configure_main.c page.c -lsodium
program page serve_main.c door.c talk.c page.c html.c -L/kiln/uses/microhttpd \
    -lserve -lmicrohttpd -lsodium -lpthread
