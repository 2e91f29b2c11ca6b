# The image's configure program; Kamailio comes from its package.
recipe=voip
. /kiln/uses/guest-init/recipe.sh

program configure configure_main.c sip_conf.c
