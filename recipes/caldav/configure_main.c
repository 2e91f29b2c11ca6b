/* /etc/kiln/configure of the image: see conf.h. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recipes/caldav/conf.h"

/* Without its volume the folder would lie on the image, which is read-only:
 * nothing is ever stored in a place that is lost. */
static int
folder(void)
{
	if (mkdir(CAL_DATA, 0700) == -1 && errno != EEXIST) {
		perror("configure: make " CAL_DATA);
		return 1;
	}
	if (chown(CAL_DATA, CAL_UID, CAL_UID) == -1) {
		perror("configure: give away " CAL_DATA);
		return 1;
	}
	return 0;
}

int
main(void)
{
	return guest_configure(CAL_DIR, CAL_UID, cal_conf) == 0 ? folder() : 1;
}
