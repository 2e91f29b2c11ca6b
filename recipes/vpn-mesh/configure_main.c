/* /etc/kiln/configure of the image: see mesh.h. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recipes/vpn-mesh/mesh.h"

/* Without its volume the folder would lie on the image, which is read-only: a
 * key that is lost is a member that is lost. */
static int
folder(void)
{
	if (mkdir(MESH_DATA, 0700) == -1 && errno != EEXIST) {
		perror("configure: make " MESH_DATA);
		return 1;
	}
	if (chown(MESH_DATA, MESH_UID, MESH_UID) == -1) {
		perror("configure: give away " MESH_DATA);
		return 1;
	}
	return 0;
}

int
main(void)
{
	return guest_configure(MESH_DIR, MESH_UID, mesh_conf) == 0 ? folder()
								   : 1;
}
