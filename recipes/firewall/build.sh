# The program that loads and follows the rules, and the image's configure
# program; nft comes from its package.
recipe=firewall
. /kiln/uses/guest-init/recipe.sh

program configure configure_main.c rules.c
program rules rules_main.c rules.c names.c -lresolv
