/* rooms: builder/judge/look.c builder/judge/look_archive.c
 * builder/judge/look_elf.c builder/judge/look_erofs.c
 * builder/judge/look_layer.c builder/judge/look_members.c
 * builder/judge/look_text.c */
/*
 * Two outputs from anybody, as the differ's child sees them: the input beside
 * itself with one bit turned, and its two halves beside each other.  Every
 * difference must be found, and everything found be printable.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "builder/judge/differ.h"
#include "builder/judge/look.h"
#include "lib/num.h"
#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
look(struct span a, struct span b)
{
	struct look l = { .findings = json_array(),
		.room = (size_t)16 << 20,
		.until = time_mono_ms() + 60000 };
	auto_free char *text = NULL;

	look_at(&l, a, b);
	if (!span_equal(a, b) && json_array_size(l.findings) == 0 && !l.cut)
		abort();
	if (l.npath != 0 || l.depth != 0 || l.room != (size_t)16 << 20)
		abort();
	text = json_dumps(l.findings, 0);
	for (const char *s = text; *s; s++)
		if (*s < 0x20 || *s == 0x7f)
			abort();
	json_decref(l.findings);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	/* Of exactly that size, so that a step beyond is seen. */
	auto_free char *other = malloc(n ? n : 1);
	struct span all = { (const char *)data, n };
	size_t at;

	if (n < 2)
		return 0;
	memcpy(other, data, n);
	at = (data[0] | (size_t)data[n - 1] << 8) * n >> 16;
	other[at] ^= (char)(1 << (data[n / 2] & 7));
	look(all, (struct span){ other, n });
	look((struct span){ all.p, n / 2 },
	    (struct span){ other + n / 2, n - n / 2 });
	return 0;
}
