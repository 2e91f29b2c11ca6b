/* /etc/kiln/configure of the image: refuses what cannot be, and hands the rest
 * on as it is. */
#include "recipes/guest-init/files.h"
#include "recipes/vpn-wireguard/tunnel.h"

static int
make(const json_t *config, struct guest_files *files, struct fault *f)
{
	static struct tunnel t;
	FILE *out;
	int ret;

	if (tunnel_read(config, &t, f) == -1)
		return -1;
	out = guest_file_open(files, f, TUNNEL_CONFIG);
	if (out == NULL)
		return -1;
	ret = json_dumpf(config, out, JSON_COMPACT) == 0
		  ? 0
		  : fault_set(f, "write " TUNNEL_CONFIG);
	return guest_file_close(out, ret, f);
}

int
main(void)
{
	return guest_configure(TUNNEL_DIR, TUNNEL_UID, make);
}
