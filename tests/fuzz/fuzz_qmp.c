/* rooms: router-agent/machine/qmp.c */
/* What a QEMU in its guest's hands says to its watcher, in pieces of three
 * sizes: whatever the pieces, the messages are the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/own.h"
#include "router-agent/machine/qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* How many messages come before the end, or before it is no QMP. */
static int
read_in(const uint8_t *data, size_t n, size_t piece)
{
	struct qmp_reader r = { BUF_INIT };
	struct qmp_message m;
	int count = 0, got = 0;

	for (size_t at = 0; at < n && got != -1; at += piece) {
		struct span part = { (const char *)data + at,
			n - at < piece ? n - at : piece };
		struct err err = ERR_INIT;

		while (part.n > 0 && (got = qmp_next(&r, &part, &m, &err)) == 1)
			count++;
		if (r.line.len > QMP_LINE || (got == 1 && strlen(m.text) > 63))
			abort();
	}
	qmp_reader_release(&r);
	return got == -1 ? -1 - count : count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int whole = read_in(data, n, n ? n : 1);

	if (read_in(data, n, 1) != whole || read_in(data, n, 7) != whole)
		abort();
	return 0;
}
