/* /etc/kiln/configure of the image. */
#include "recipes/pinata/conf.h"

int
main(void)
{
	return guest_configure(PINATA_DIR, PINATA_UID, pinata_conf);
}
