/* rooms: router-agent/lease.c */
/* Lines that a machine says over its state port, as many as there are; what
 * the list makes of them is told to the next machine, and is read there. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/own.h"
#include "router-agent/lease.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define NOW 1800000000

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span rest = { (const char *)data, n }, line;
	auto_buf struct buf text = BUF_INIT;
	struct leases l = { 0 };

	while (span_next(&rest, '\n', &line)) {
		char copy[LEASE_LINE];
		struct lease_word w;
		struct err err = ERR_INIT;

		if (line.n >= sizeof(copy))
			continue;
		memcpy(copy, line.p, line.n);
		copy[line.n] = '\0';
		if (lease_read(copy, &w, &err) == -1)
			continue;
		if (!lease_word_ok(&w))
			abort();
		if (w.verb != LEASE_ASKED)
			leases_take(&l, &w, NOW);
	}
	if (l.n > LEASES_MAX)
		abort();
	leases_text(&l, "0123456789abcdef", NOW, &text);
	leases_release(&l);
	return 0;
}
