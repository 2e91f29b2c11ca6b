#include <stdio.h>

#include "recipes/pinata/conf.h"

int
pinata_conf(const json_t *config, struct guest_files *files, struct fault *f)
{
	static const char *const keys[] = { "secret", NULL };
	const char *secret;
	FILE *out;

	if (guest_only("config", config, keys, f) == -1 ||
	    guest_str("config", config, "secret", PINATA_SECRET_MAX - 1,
		&secret, f) == -1)
		return -1;
	out = guest_file_open(files, f, PINATA_SECRET);
	if (out == NULL)
		return -1;
	fputs(secret, out);
	return guest_file_close(out, 0, f);
}
