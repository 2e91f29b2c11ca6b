# The calendar server and the image's configure program; git comes from its
# package.
recipe=caldav
. /kiln/uses/guest-init/recipe.sh
ln -s /kiln/uses/microhttpd recipes/microhttpd

program configure configure_main.c conf.c
program caldav serve_main.c request.c item.c report.c history.c ask.c conf.c \
    dav.c door.c git.c ics.c keep.c -L/kiln/uses/microhttpd \
    -lserve -lmicrohttpd -lexpat -lsodium -lcrypt -lpthread
