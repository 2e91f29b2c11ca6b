/* /etc/kiln/configure of the image: see ovpn.h. */
#include <stdio.h>
#include <sys/stat.h>

#include "recipes/vpn-openvpn/ovpn.h"

int
main(void)
{
	struct fault f;

	if (guest_configure(OVPN_DIR, OVPN_UID, ovpn_conf) != 0)
		return 1;
	if (guest_folder(OVPN_CONTROL, OVPN_UID, &f) == -1) {
		fprintf(stderr, "configure: %s\n", f.text);
		return 1;
	}
	/* as udev has it: who opens it can do nothing without net_admin */
	if (chmod("/dev/net/tun", 0666) == -1) {
		perror("configure: /dev/net/tun");
		return 1;
	}
	return 0;
}
