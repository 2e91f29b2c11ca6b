/* rooms: builder/schema.c builder/progress.c builder/inputs builder/plan
 * builder/bake builder/exec builder/runner/farm.c */
/*
 * What a node and the farm say to each other, and what an engine says of
 * itself.  What is read is written and read the same again; the first byte
 * chooses.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "builder/exec/slurm.h"
#include "builder/exec/ticket.h"
#include "builder/runner/farm.h"
#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
handin(const char *p, size_t n)
{
	auto_handin struct handin h = { .lane = 0 }, again = { .lane = 0 };
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	json_t *j;

	if (handin_read(&h, "hand-in", p, n, &err) == -1)
		return;
	if (!exec_id_ok(h.attempt) || (h.lane != 'A' && h.lane != 'B'))
		abort();
	for (size_t i = 0; i < h.result.outputs.n; i++)
		if (!name_ok(h.result.outputs.v[i].name))
			abort();
	j = handin_json(&h);
	if (canon_json(j, &text, &err) == 0 &&
	    handin_read(&again, "hand-in", text.data, text.len, &err) == -1)
		abort();
	json_decref(j);
}

static void
ticket(const char *p, size_t n)
{
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct ticket t, again;
	json_t *j;

	if (ticket_read(&t, "ticket", p, n, &err) == -1)
		return;
	j = ticket_json(&t);
	if (canon_json(j, &text, &err) == -1 ||
	    ticket_read(&again, "ticket", text.data, text.len, &err) == -1 ||
	    memcmp(&t.limits, &again.limits, sizeof(t.limits)) != 0)
		abort();
	json_decref(j);
}

static void
lines(const char *p, size_t n)
{
	auto_free char *one = mem_strn(p, n), *two = mem_strn(p, n);
	struct exec_seen seen;
	struct exec_node node;

	if (slurm_queue_line(one, &seen) && !exec_id_ok(seen.id))
		abort();
	if (slurm_node_line(two, &node) && strchr(node.name, '|'))
		abort();
	(void)slurm_is_final(p == NULL ? "" : two);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *p = (const char *)data + 1;
	struct err err = ERR_INIT;
	struct job job;

	if (n == 0)
		return 0;
	switch (data[0]) {
	case 'h':
		handin(p, n - 1);
		break;
	case 't':
		ticket(p, n - 1);
		break;
	case 'j':
		if (job_read(&job, p, n - 1, &err) == 0 &&
		    (!exec_id_ok(job.attempt) || job.cache[0] != '/'))
			abort();
		break;
	default:
		lines(p, n - 1);
	}
	return 0;
}
