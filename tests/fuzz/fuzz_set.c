/* rooms: router-agent/set.c router-agent/set_wire.c router-agent/set_json.c
 * router-agent/probe_spec.c */
/* A set as it lies in the agent's state, and as the verifier sends it: what
 * passes is within bounds and crosses both ways unchanged. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "router-agent/set.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
receive(const void *bytes, size_t n, struct set *set, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;

	buf_add(&m.body, bytes, n);
	return set_receive(&m, set, err);
}

static void
crosses(const struct set *set)
{
	auto_free struct set *other = mem_zero(1, sizeof(*other));
	auto_buf struct buf a = BUF_INIT, b = BUF_INIT;
	auto_json json_t *j = NULL, *k = NULL;
	struct err err = ERR_INIT;

	if (set_check(set, &err) == -1)
		return;
	set_send(set, &a);
	if (receive(a.data, a.len, other, &err) == -1)
		abort();
	set_send(other, &b);
	if (!span_equal(span_buf(&a), span_buf(&b)))
		abort();
	j = set_json(set);
	memset(other, 0, sizeof(*other));
	if (set_from_json("again", j, other, &err) == -1)
		abort();
	k = set_json(other);
	if (!json_equal(j, k))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	auto_free struct set *set = mem_zero(1, sizeof(*set));
	struct err err = ERR_INIT;
	auto_json json_t *j = NULL;

	if (n > IPC_MAX)
		return 0;
	if (receive(data, n, set, &err) == 0)
		crosses(set);
	memset(set, 0, sizeof(*set));
	j = js_parse("set", data, n, &err);
	if (j && set_from_json("set", j, set, &err) == 0)
		crosses(set);
	return 0;
}
