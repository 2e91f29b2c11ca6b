# The image's configure program; knotd comes from its package.
recipe=dns-authority
. /kiln/uses/guest-init/recipe.sh

program configure configure_main.c knot_conf.c
