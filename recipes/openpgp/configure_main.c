/* /etc/kiln/configure of the image: see pgp.h. */
#include <sodium.h>

#include "recipes/openpgp/pgp.h"

int
main(void)
{
	if (sodium_init() == -1)
		return 1;
	return guest_configure(PGP_DIR, PGP_UID, pgp_conf);
}
