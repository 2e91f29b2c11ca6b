/* /etc/kiln/configure of the image: see sftp_conf.h. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recipes/storage/sftp_conf.h"

/* Without its volume the folder would lie on the image, which is read-only:
 * nothing is ever stored in a place that is lost. */
static int
folder(void)
{
	if (mkdir(SFTP_FILES, 0700) == -1 && errno != EEXIST) {
		perror("configure: make " SFTP_FILES);
		return 1;
	}
	if (chown(SFTP_FILES, SFTP_UID, SFTP_UID) == -1) {
		perror("configure: give away " SFTP_FILES);
		return 1;
	}
	return 0;
}

int
main(void)
{
	return guest_configure(SFTP_DIR, SFTP_UID, sftp_conf) == 0 ? folder()
								   : 1;
}
