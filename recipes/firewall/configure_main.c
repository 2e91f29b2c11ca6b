/* /etc/kiln/configure of the image: refuses what cannot be, before anything is
 * forwarded, and hands the rest on as it is. */
#include <stdlib.h>

#include "recipes/firewall/firewall.h"
#include "recipes/firewall/rules.h"
#include "recipes/guest-init/files.h"

static int
make(const json_t *config, struct guest_files *files, struct fault *f)
{
	static struct rules r;
	FILE *out;
	int ret;

	if (rules_read(config, &r, f) == -1)
		return -1;
	out = guest_file_open(files, f, FIREWALL_CONFIG);
	if (out == NULL)
		return -1;
	ret = json_dumpf(config, out, JSON_COMPACT) == 0
		  ? 0
		  : fault_set(f, "write " FIREWALL_CONFIG);
	return guest_file_close(out, ret, f);
}

int
main(void)
{
	struct fault f;

	if (guest_configure(FIREWALL_DIR, FIREWALL_UID, make) != 0)
		return 1;
	if (guest_write(FIREWALL_KNOWN, 0600, FIREWALL_UID, "", 0, &f) == -1) {
		fprintf(stderr, "configure: %s\n", f.text);
		return 1;
	}
	return 0;
}
