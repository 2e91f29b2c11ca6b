/* /etc/kiln/configure of the image: see knot_conf.h. */
#include <time.h>

#include "recipes/dns-authority/knot_conf.h"

static int
make(const json_t *config, struct guest_files *files, struct fault *f)
{
	return knot_conf(config, (uint32_t)time(NULL), files, f);
}

int
main(void)
{
	struct fault f;

	if (guest_configure(KNOT_DIR, KNOT_UID, make) != 0)
		return 1;
	if (guest_folder(KNOT_RUN, KNOT_UID, &f) == -1) {
		fprintf(stderr, "configure: %s\n", f.text);
		return 1;
	}
	return 0;
}
