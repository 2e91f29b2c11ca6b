/*
 * A signed note from a server: what opens is a part of what came, ends in a
 * newline and is followed by an empty line; and it opens by a good signature
 * alone, so nothing that differs from the published note does.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/checkpoint.h"
#include "lib/hex.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Of the example in Go's note package. */
#define KEY "1a5cd907143c384c41e830c5bce12aa8817ec5649aaabf2c31388b35b2d744d6"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = ERR_INIT;
	struct sig_public key;
	struct checkpoint c;
	struct span text, name;
	size_t which;

	if (!hex_decode(key.b, sizeof(key.b), KEY, strlen(KEY)))
		abort();
	if (note_open(data, n, &key, 1, &text, &name, &which, &err) == -1) {
		if (checkpoint_open(data, n, &key, 1, &c, &err) == 0)
			abort();
		return 0;
	}
	if (text.p != (const char *)data || text.n + 1 >= n || which != 0 ||
	    text.p[text.n - 1] != '\n' || text.p[text.n] != '\n' || name.n == 0)
		abort();
	/* His text is about cryptography; it counts no entries. */
	if (checkpoint_open(data, n, &key, 1, &c, &err) == 0)
		abort();
	return 0;
}
