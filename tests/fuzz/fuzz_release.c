/* rooms: tuf-repo/release.c tuf-repo/roles.c */
/*
 * A release manifest from another builder: what passes has paths that a tree
 * may have, and reads the same again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/own.h"
#include "tuf-repo/release.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	auto_release struct release r = RELEASE_INIT, again = RELEASE_INIT;
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	if (release_parse(&r, data, n, &err) == -1)
		return 0;
	if (r.ntargets < 1 || r.ntargets > RELEASE_TARGETS ||
	    r.kernel != (r.ntargets == 2))
		abort();
	for (size_t i = 0; i < r.ntargets; i++) {
		char path[TARGET_PATH_MAX];

		release_path(&r, i, path);
		if (!path_ok(path) || strncmp(path, "images/", 7) != 0)
			abort();
	}
	if (canon_json(r.record, &text, &err) == -1)
		return 0;
	if (release_parse(&again, text.data, text.len, &err) == -1 ||
	    again.ntargets != r.ntargets ||
	    strcmp(again.service, r.service) != 0)
		abort();
	return 0;
}
