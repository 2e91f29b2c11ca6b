/* rooms: tuf-repo */
/*
 * A request with detached signatures, as it comes from a stick: what is read
 * says in words what it changes, reads the same again, and a part that misses
 * nothing is a file that its delegator's keys sign.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/own.h"
#include "lib/tuf_check.h"
#include "lib/tuf_read.h"
#include "tuf-repo/repo.h"
#include "tuf-repo/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_file(const struct request *q, enum part p)
{
	auto_buf struct buf file = BUF_INIT;
	auto_tuf struct tuf_file *f = NULL;
	const struct tuf_file *by =
	    q->next[PART_ROOT] ? q->next[PART_ROOT] : q->now[PART_ROOT];
	struct err err = ERR_INIT;

	if (!q->next[p] || request_file(q, p, &file, &err) == -1)
		return;
	f = tuf_read(
	    role_type(part_roles[p]), part_roles[p], file.data, file.len, &err);
	if (p == PART_STABLE)
		by = q->next[PART_TARGETS] ? q->next[PART_TARGETS]
					   : q->now[PART_TARGETS];
	if (!f || tuf_threshold(by, part_roles[p], f, &err) == -1)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	auto_request struct request q, again;
	auto_buf struct buf words = BUF_INIT, text = BUF_INIT, twice = BUF_INIT;
	auto_buf struct buf missing = BUF_INIT;
	struct err err = ERR_INIT;

	request_init(&q);
	request_init(&again);
	if (request_read(&q, data, n, &err) == -1)
		return 0;
	request_words(&q, &words);
	request_text(&q, &text);
	if (request_read(&again, text.data, text.len, &err) == -1 ||
	    request_merge(&again, &q, &err) == -1)
		abort();
	request_text(&again, &twice);
	if (!span_equal(span_buf(&text), span_buf(&twice)))
		abort();
	if (!request_missing(&q, &missing))
		for (int p = 0; p < PART_COUNT; p++)
			check_file(&q, (enum part)p);
	return 0;
}
