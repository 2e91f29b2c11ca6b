# One small program over OpenSSL, and the image's configure program.
recipe=pinata
. /kiln/uses/guest-init/recipe.sh

program configure configure_main.c conf.c
program pinata serve_main.c pinata.c -lssl -lcrypto
