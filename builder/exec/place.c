/* Submitting an attempt: what it may not be placed on, its secret, its row, and
 * only then the engine. */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "builder/exec/hand.h"
#include "builder/exec/ticket.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/secret.h"

int
hand_ticket(struct remote *r, struct hand *h, const struct build_order *o,
    struct err *err)
{
	const struct ticket t = { .plan = o->plan->digest,
		.lane = o->lane,
		.vary = o->vary,
		.limits = o->limits,
		.process_memory = o->process_memory };
	auto_json json_t *j = ticket_json(&t);
	auto_buf struct buf text = BUF_INIT;

	if (canon_json(j, &text, err) == -1)
		return -1;
	return store_put_bytes(
	    r->at.store, text.data, text.len, &h->ticket, err);
}

/* The body of the job: a script for kiln-runner, which is its interpreter.
 * The secret stands here and nowhere else. */
static void
write_script(const struct remote *r, const struct hand *h, const char *secret,
    struct buf *out)
{
	char ticket[HASH_HEX];

	hash_hex(&h->ticket, ticket);
	buf_printf(out,
	    "#!%s\nfarm %s\nattempt %s\nticket %s\ncache %s\nsecret %s\n",
	    r->conf.runner, r->conf.server, h->id, ticket, r->conf.cache,
	    secret);
}

/* A node whose features name the same make of processor. */
static int
add_same_cpu(
    struct remote *r, const char *node, struct buf *out, struct err *err)
{
	static const char sql[] =
	    "SELECT b.name FROM node a JOIN node b ON a.name = ?1 AND b.name"
	    " <> ?1 AND instr(',' || a.features || ',', ',' || ?2 || ',') AND"
	    " instr(',' || b.features || ',', ',' || ?2 || ',')";
	int got = 0;

	for (size_t i = 0; i < r->conf.ncpu_features && got == 0; i++) {
		auto_stmt struct stmt *q = db_stmt(r->at.db, sql);

		stmt_bind_str(q, 1, node);
		stmt_bind_str(q, 2, r->conf.cpu_features[i]);
		while ((got = stmt_step(q, err)) == 1)
			buf_printf(out, ",%s", stmt_str(q, 0));
	}
	return got;
}

/* 1: *out is what is excluded because of the other lane; 0: it is not known
 * yet. */
static int
apart(struct remote *r, const struct hand *h, struct buf *out, struct err *err)
{
	const struct work_slot *s = h->slot;
	char node[ATTEMPT_NODE];
	bool open;

	if (r->conf.lane_b == APART_ANYWHERE || s->apart == 0)
		return 1;
	if (attempt_node(r->at.db, s->apart, node, &open, err) == -1)
		return -1;
	/* B waits for A, never A for B. */
	if (!node[0])
		return !(s->order.lane == 'B' &&
			 (open || remote_slot_of(r, s->apart)));
	buf_str(out, node);
	if (r->conf.lane_b == APART_OTHER_CPU &&
	    add_same_cpu(r, node, out, err) == -1)
		return -1;
	return 1;
}

static void
new_id(char id[EXEC_ID])
{
	unsigned char b[(EXEC_ID - 1) / 2];

	randombytes_buf(b, sizeof(b));
	sodium_bin2hex(id, EXEC_ID, b, sizeof(b));
}

static int
submitted(struct remote *r, struct hand *h, enum exec_submit how,
    const char *job, bool excluded, const struct err *why, struct err *err)
{
	h->out = true;
	h->sight = (struct sight){ .there = false };
	buf_clear(&h->why);
	if (how == EXEC_ACCEPTED)
		return attempt_taken_in(r->at.db, h->id, job, err);
	buf_str(&h->why, why->msg);
	if (how == EXEC_UNSURE) {
		log_warn(
		    "submit-unsure", "attempt=%s why=\"%s\"", h->id, why->msg);
		return 0; /* its row waits for what snapshots say */
	}
	h->out = false;
	if (attempt_end(r->at.db, h->id, "lost", why->msg, false, err) == -1)
		return -1;
	/* A node that lost it once is better than none. */
	if (excluded && h->bad.len) {
		buf_clear(&h->bad);
		return 0;
	}
	hand_give_up(h, why->msg);
	return 0;
}

int
hand_place(struct remote *r, struct hand *h, struct err *err)
{
	const struct build_order *o = &h->slot->order;
	auto_buf struct buf script = BUF_INIT, exclude = BUF_INIT;
	char secret[SECRET_TEXT], job[EXEC_ID];
	struct err why = ERR_INIT;
	enum exec_submit how;
	int got = apart(r, h, &exclude, err);

	if (got != 1)
		return got;
	if (h->bad.len)
		buf_printf(
		    &exclude, "%s%s", exclude.len ? "," : "", h->bad.data);
	h->number++;
	new_id(h->id);
	memcpy(h->slot->id, h->id, EXEC_ID);
	secret_new(secret);
	const struct attempt_new row = { .id = h->id,
		.engine = r->engine->ops->name,
		.secret = secret,
		.exclude = exclude.data,
		.run = o->id,
		.number = h->number,
		.quota = o->limits.output + o->limits.log + 65536,
		.ticket = &h->ticket };
	if (attempt_add(r->at.db, &row, err) == -1)
		return -1;
	write_script(r, h, secret, &script);
	const struct exec_spec spec = { .id = h->id,
		.script = script.data,
		.arch = o->plan->on ? o->plan->on : o->plan->arch,
		.exclude = exclude.data,
		.cpus = r->conf.cpus,
		.memory = o->limits.memory + r->conf.memory,
		.limit = o->limits.wall_ms / 1000 + r->conf.time };
	how = r->engine->ops->submit(r->engine, &spec, job, &why);
	sodium_memzero(script.data, script.len);
	sodium_memzero(secret, sizeof(secret));
	return submitted(r, h, how, job, exclude.len > 0, &why, err);
}
