/*
 * A detached signature from another party: what is read is written the same
 * again, and its role is a name that a file may have.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cosign.h"
#include "lib/fdio.h"
#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct cosign c = { .version = 0 }, again = { .version = 0 };
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	if (cosign_read(&c, data, n, &err) == -1)
		return 0;
	if (!name_ok(c.role) || c.version < 1 || !sig_public_ok(&c.key))
		abort();
	cosign_write(&c, &text);
	if (cosign_read(&again, text.data, text.len, &err) == -1 ||
	    strcmp(c.role, again.role) != 0 || c.version != again.version ||
	    !hash_equal(&c.content, &again.content) ||
	    memcmp(&c.key, &again.key, sizeof(c.key)) != 0 ||
	    memcmp(&c.sig, &again.sig, sizeof(c.sig)) != 0)
		abort();
	return 0;
}
