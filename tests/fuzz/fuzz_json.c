/* JSON from anybody: read, made canonical in both dialects, read again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/canon.h"
#include "lib/json.h"
#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	auto_buf struct buf ours = BUF_INIT, again = BUF_INIT, raw = BUF_INIT;
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *back = NULL, *shown = NULL;
	struct err err = ERR_INIT;
	auto_json json_t *j = js_parse("fuzz", data, n, &err);

	if (!j)
		return 0;
	js_text(j, true, &text);
	shown = js_parse("shown", text.data, text.len, &err);
	if (!shown || !json_equal(shown, j))
		abort();
	/* What passed the reader has no reals and a limited depth. */
	if (canon_foreign(j, &raw, &err) == -1)
		abort();
	if (canon_json(j, &ours, &err) == -1)
		return 0;
	/* Ours is JSON, the same value, and canonical already. */
	back = js_parse("canonical", ours.data, ours.len, &err);
	if (!back || !json_equal(back, j) ||
	    canon_json(back, &again, &err) == -1 ||
	    !span_equal(span_buf(&ours), span_buf(&again)) ||
	    !span_equal(span_buf(&ours), span_buf(&raw)))
		abort();
	return 0;
}
