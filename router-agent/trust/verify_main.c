/* The verifier itself: what it gives up is on its last screen. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "router-agent/trust/check.h"
#include "router-agent/trust/fetch.h"
#include "router-agent/trust/verify.h"
#include "router-agent/trust/verify_proto.h"

enum { FD_PARENT = 3, FD_METADATA, FD_ROOT, FD_STICK };

#define ANSWER_MS 30000 /* to hear the request */

struct job { /* the request, owned */
	char *servers[AGENT_SERVERS];
	char *services[AGENT_SERVICES];
	char *channel, *arch;
	struct sig_public keys[AGENT_SERVICES];
	struct check check;
};

static int
get_list(struct ipc_msg *m, size_t max, size_t room, char **out, size_t *n,
    struct err *err)
{
	uint32_t count;

	if (ipc_get_u32(m, &count, err) == -1)
		return -1;
	if (count > max)
		return err_set(err, ERR_INPUT, "a list is too long");
	for (*n = 0; *n < count; (*n)++)
		if (ipc_get_str(m, room, &out[*n], err) == -1)
			return -1;
	return 0;
}

static int
get_keys(struct ipc_msg *m, struct job *j, struct err *err)
{
	struct span s;
	uint32_t n;

	if (ipc_get_u32(m, &n, err) == -1)
		return -1;
	if (n > ARRAY_LEN(j->keys))
		return err_set(err, ERR_INPUT, "a list is too long");
	for (uint32_t i = 0; i < n; i++) {
		if (ipc_get_bytes(m, 32, &s, err) == -1)
			return -1;
		if (s.n != 32)
			return err_set(err, ERR_INPUT, "a key is cut off");
		memcpy(j->keys[i].b, s.p, 32);
	}
	j->check.rules.require_keys = j->keys;
	j->check.rules.nrequire_keys = n;
	return 0;
}

static int
get_here(struct ipc_msg *m, struct job *j, struct err *err)
{
	uint32_t n;

	if (ipc_get_u32(m, &n, err) == -1)
		return -1;
	if (n > ARRAY_LEN(j->check.here))
		return err_set(err, ERR_INPUT, "a list is too long");
	for (; j->check.nhere < n; j->check.nhere++) {
		struct check_here *h = &j->check.here[j->check.nhere];

		if (ipc_get_str(m, SET_NAME, &h->name, err) == -1 ||
		    ipc_get_hash(m, &h->image, err) == -1 ||
		    ipc_get_i64(m, &h->serial, err) == -1)
			return -1;
	}
	return 0;
}

static int
get_job(struct ipc_msg *m, struct job *j, struct err *err)
{
	struct rules *r = &j->check.rules;
	uint32_t demo, current;

	if (get_list(m, AGENT_SERVERS, 4096, j->servers, &j->check.nservers,
		err) == -1 ||
	    ipc_get_str(m, SET_NAME, &j->channel, err) == -1 ||
	    ipc_get_str(m, SET_NAME, &j->arch, err) == -1 ||
	    ipc_get_u32(m, &demo, err) == -1 ||
	    ipc_get_i64(m, &r->min_keys, err) == -1 ||
	    get_keys(m, j, err) == -1 ||
	    get_list(m, AGENT_SERVICES, SET_NAME, j->services, &r->nservices,
		err) == -1 ||
	    ipc_get_i64(m, &r->counter, err) == -1 ||
	    ipc_get_hash(m, &r->counter_set, err) == -1 ||
	    ipc_get_u32(m, &current, err) == -1 ||
	    ipc_get_hash(m, &r->current, err) == -1 ||
	    ipc_get_hash(m, &r->device, err) == -1 ||
	    ipc_get_i64(m, &r->hold_keys_s, err) == -1 ||
	    get_here(m, j, err) == -1 || ipc_end(m, err) == -1)
		return -1;
	r->channel = j->channel;
	r->arch = j->arch;
	r->demo = demo == 1;
	r->has_current = current == 1;
	r->services = (const char *const *)j->services;
	return 0;
}

static int
answer(const struct job *j, int64_t retry_after, int judged,
    const struct set *set, const char *word, const struct err *why,
    struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	ipc_add_u32(&b, (uint32_t)j->check.view.state);
	ipc_add_i64(&b, j->check.view.time);
	ipc_add_i64(&b, retry_after);
	ipc_add_i64(&b, fd_metered());
	if (judged == 0) {
		ipc_add_i64(&b, j->check.turn.at);
		ipc_add_i64(&b, j->check.turn.from);
		ipc_add_i64(&b, j->check.turn.to);
		ipc_add_u32(&b, j->check.urgent);
		set_send(set, &b);
		forms_send(&j->check.forms, &b);
		return ipc_send(FD_PARENT, VERIFY_SET, &b, NULL, 0, err);
	}
	ipc_add_str(&b, word);
	ipc_add_err(&b, why);
	return ipc_send(FD_PARENT, VERIFY_REFUSED, &b, NULL, 0, err);
}

static int
run(bool stick, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	struct fetcher *f = stick ? fetcher_stick(FD_STICK, err)
				  : fetcher_start(NULL, NULL, err);
	struct set *set = mem_zero(1, sizeof(*set));
	struct job *j = mem_zero(1, sizeof(*j));
	char word[RULES_WORD];
	struct err why = ERR_INIT;
	int got;

	clock_ask(&j->check.facts);
	fd_meter(FD_METADATA);
	/* Nothing foreign has been read so far.  All of it ends with the
	 * process: freed memory would only be more code. */
	if (!f || drop_to(ROLE_AGENT_VERIFY, err) == -1 ||
	    drop_syscalls(true, true, err) == -1)
		return -1;
	got = ipc_recv(FD_PARENT, ANSWER_MS, &m, err);
	if (got <= 0)
		return got;
	if (m.type != VERIFY_GO || get_job(&m, j, err) == -1)
		return err_prefix(err, "the parent's request");
	j->check.servers = j->servers;
	j->check.metadata = FD_METADATA;
	j->check.root = FD_ROOT;
	got = check_run(&j->check, f, set, word, &why);
	return answer(j, fetcher_retry_after(f), got, set, word, &why, err);
}

int
verify_main(bool stick)
{
	struct err err = ERR_INIT;

	if (run(stick, &err) == 0)
		return EXIT_DONE;
	log_err("verify", &err);
	return err_exit(&err);
}
