# The calendar server and the image's configure program; git comes from its
# package.
recipe=caldav
. /kiln/uses/guest-init/recipe.sh

program configure configure_main.c conf.c
program caldav serve_main.c request.c item.c report.c history.c ask.c conf.c \
    dav.c door.c git.c ics.c keep.c \
    -I/kiln/uses/microhttpd -L/kiln/uses/microhttpd \
    -lmicrohttpd -lexpat -lsodium -lcrypt -lpthread
