/* /etc/kiln/configure of the image: see dial.h. */
#include <stdio.h>
#include <sys/stat.h>

#include "recipes/pppoe/dial.h"

int
main(void)
{
	if (guest_configure(PPPOE_DIR, PPPOE_UID, pppoe_conf) != 0)
		return 1;
	/* who opens it can do nothing without net_admin */
	if (chmod("/dev/ppp", 0666) == -1) {
		perror("configure: /dev/ppp");
		return 1;
	}
	return 0;
}
