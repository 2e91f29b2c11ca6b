#include "builder/exec/remote.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/exec/hand.h"
#include "builder/progress.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define MAIL_MS 300
#define NODES_MS 10000
#define UNREACHABLE_MS 5000 /* between two looks at an engine that is down */

static struct hand *
hand_of(struct remote *r, const struct work_slot *s)
{
	return &r->hands[s - r->work->slots];
}

/* --- life ------------------------------------------------------------------*/

struct work_slot *
remote_slot_of(void *arg, int64_t run)
{
	struct remote *r = arg;

	for (int i = 0; i < r->work->nslots; i++)
		if (r->hands[i].slot && r->hands[i].slot->order.id == run)
			return r->hands[i].slot;
	return NULL;
}

static int handed_in(void *, struct work_slot *, const char *, enum mail_end,
    const char *, struct err *);

struct remote *
remote_open(struct exec *engine, const struct exec_conf *conf,
    const struct remote_place *at, struct work *w)
{
	struct remote *r = mem_zero(1, sizeof(*r));

	r->engine = engine;
	r->conf = *conf;
	r->at = *at;
	r->work = w;
	r->hands = mem_zero((size_t)w->nslots, sizeof(*r->hands));
	for (int i = 0; i < w->nslots; i++) {
		buf_init(&r->hands[i].bad);
		buf_init(&r->hands[i].why);
	}
	r->mail = (struct remote_mail){ .at = &r->at,
		.slot_of = remote_slot_of,
		.ended = handed_in,
		.arg = r };
	return r;
}

static void
empty(struct hand *h)
{
	h->slot = NULL;
	h->id[0] = '\0';
	h->number = h->gone_ms = h->over_ms = 0;
	h->out = false;
	buf_clear(&h->bad);
	buf_clear(&h->why);
}

void
remote_free(struct remote *r)
{
	if (!r)
		return;
	for (int i = 0; i < r->work->nslots; i++) {
		buf_release(&r->hands[i].bad);
		buf_release(&r->hands[i].why);
	}
	mail_close(&r->mail);
	free(r->hands);
	free(r);
}

/* --- ends ------------------------------------------------------------------*/

static void
cancel(struct remote *r, const char *id)
{
	struct err why = ERR_INIT;

	/* It stays a stray: the next snapshot meets it again. */
	if (r->engine->ops->cancel(r->engine, id, &why) == -1)
		log_err("cancel", &why);
}

/* Nothing helps but a person. */
void
hand_give_up(struct hand *h, const char *why)
{
	struct work_slot *s = h->slot;

	s->rc = -1;
	s->hold = true;
	err_set(&s->err, ERR_MISSING,
	    "needs an operator: attempt %" PRId64 " of it: %s", h->number, why);
	s->ended = true;
}

/* The attempt is worth nothing; the next, unless that is enough. */
static int
next_one(struct remote *r, struct hand *h, const char *why, const char *node,
    struct err *err)
{
	(void)err;
	h->out = false;
	h->gone_ms = h->over_ms = 0;
	if (node && node[0])
		buf_printf(&h->bad, "%s%s", h->bad.len ? "," : "", node);
	log_warn("attempt-lost",
	    "attempt=%s run=%" PRId64 " number=%" PRId64 " node=%s why=\"%s\"",
	    h->id, h->slot->order.id, h->number, node ? node : "", why);
	event_add(r->at.db, "attempt-lost", r->engine->ops->name, 0,
	    "attempt %" PRId64 " of build %" PRId64 "%s%s: %s", h->number,
	    h->slot->order.id, node && node[0] ? " on " : "", node ? node : "",
	    why);
	if (h->number >= r->conf.attempts)
		hand_give_up(h, why);
	return 0;
}

static int
lost(struct remote *r, struct hand *h, const char *why, const char *node,
    struct err *err)
{
	if (attempt_end(r->at.db, h->id, "lost", why, false, err) == -1)
		return -1;
	return next_one(r, h, why, node, err);
}

int
remote_start(struct remote *r, struct work_slot *s, struct err *err)
{
	struct hand *h = hand_of(r, s);
	struct attempt a;
	int got = attempt_newest(r->at.db, s->order.id, &a, err);

	if (got == -1 || hand_ticket(r, h, &s->order, err) == -1)
		return -1;
	empty(h);
	h->slot = s;
	if (got == 1) {
		memcpy(h->id, a.id, EXEC_ID);
		memcpy(s->id, a.id, EXEC_ID);
		h->number = a.number;
		h->out = a.open;
		h->sight = (struct sight){ .there = false };
	}
	r->look_ms = r->look_ms < time_mono_ms() ? r->look_ms : 0;
	return 0;
}

/* --- looking ---------------------------------------------------------------*/

static struct hand *
hand_named(struct remote *r, const char *id)
{
	for (int i = 0; i < r->work->nslots; i++)
		if (r->hands[i].slot && r->hands[i].out &&
		    strcmp(r->hands[i].id, id) == 0)
			return &r->hands[i];
	return NULL;
}

/* The farm has ended it, and it lives. */
static int
stray(struct remote *r, const struct exec_seen *s, struct err *err)
{
	struct attempt a;
	int got = attempt_find(r->at.db, s->id, &a, err);

	if (got != 1 || a.open)
		return got == -1 ? -1 : 0;
	/* What was given up and works is let work: its bytes are compared. */
	if (s->state == EXEC_RUNS && strcmp(a.state, "lost") == 0)
		return 0;
	cancel(r, s->id);
	return 0;
}

static int
rank(enum exec_state s)
{
	return s == EXEC_RUNS ? 0 : s == EXEC_WAITS ? 1 : 2 + (int)s;
}

static void
forget_sights(struct remote *r)
{
	r->failed = false;
	for (int i = 0; i < r->work->nslots; i++) {
		r->hands[i].sight.there = false;
		r->hands[i].sight.why[0] = '\0';
	}
}

static void
on_seen(void *arg, const struct exec_seen *s)
{
	struct remote *r = arg;
	struct hand *h = hand_named(r, s->id);

	if (r->failed)
		return;
	if (!h) {
		if (s->state <= EXEC_RUNS && stray(r, s, &r->failure) == -1)
			r->failed = true;
		return;
	}
	if (h->sight.there && rank(h->sight.state) <= rank(s->state))
		return;
	h->sight.there = true;
	h->sight.state = s->state;
	snprintf(h->sight.job, sizeof(h->sight.job), "%s", s->job);
	snprintf(h->sight.why, sizeof(h->sight.why), "%s", s->why);
	if (s->node[0])
		snprintf(h->sight.node, sizeof(h->sight.node), "%s", s->node);
}

static int
look_at(struct remote *r, struct hand *h, int64_t now, struct err *err)
{
	const struct sight *s = &h->sight;
	const struct exec_seen seen = { .id = h->id,
		.state = s->state,
		.job = s->job,
		.node = s->node,
		.why = s->why };
	int64_t grace = 1000 * r->conf.grace;

	if (!s->there) {
		if (!h->gone_ms)
			h->gone_ms = now;
		if (now - h->gone_ms < grace)
			return 0;
		return lost(r, h,
		    h->why.len ? h->why.data : "the engine forgot it", NULL,
		    err);
	}
	h->gone_ms = 0;
	switch (s->state) {
	case EXEC_WAITS:
	case EXEC_RUNS:
		return attempt_seen(r->at.db, &seen, err);
	case EXEC_ENDED:
		if (!h->over_ms)
			h->over_ms = now;
		if (now - h->over_ms < grace)
			return 0;
		return lost(
		    r, h, "it ended and handed nothing in", s->node, err);
	case EXEC_LIMIT:
		/* No fault of the node's. */
		return lost(r, h, s->why, NULL, err);
	case EXEC_LOST:
		break;
	}
	return lost(r, h, s->why, s->node, err);
}

/*
 * One that was quick has handed in before it was ever seen on a node, and the
 * other lane wants to know on which.  The engine still knows; else the node's
 * own word is taken (mail.c).
 */
static int
note_node(
    struct remote *r, struct hand *h, const char *attempt, struct err *err)
{
	struct err why = ERR_INIT;

	if (strcmp(attempt, h->id) != 0 || !h->out)
		return 0;
	forget_sights(r);
	if (!h->sight.node[0] &&
	    r->engine->ops->snapshot(r->engine, on_seen, r, &why) == -1)
		return 0;
	return attempt_note_node(r->at.db, attempt, h->sight.node, err);
}

static int
handed_in(void *arg, struct work_slot *s, const char *attempt,
    enum mail_end end, const char *why, struct err *err)
{
	struct remote *r = arg;
	struct hand *h = hand_of(r, s);

	if (end == MAIL_TAKEN) {
		/* Maybe of an attempt that we had given up. */
		memcpy(s->id, attempt, EXEC_ID);
		s->hold = false;
		s->ended = true;
		return note_node(r, h, attempt, err);
	}
	if (strcmp(attempt, h->id) != 0 || !h->out || s->ended)
		return 0;
	return next_one(r, h, why, h->sight.node, err);
}

static void
on_node(void *arg, const struct exec_node *n)
{
	struct remote *r = arg;

	if (!r->failed && attempt_node_row(r->at.db, n, &r->failure) == -1)
		r->failed = true;
}

/* The engine's own page: nodes as they are now. */
static int
look_at_nodes(struct remote *r, int64_t now, struct err *err)
{
	struct err why = ERR_INIT;

	if (now < r->nodes_ms)
		return 0;
	r->nodes_ms = now + NODES_MS;
	if (db_begin(r->at.db, err) == -1)
		return -1;
	r->failed = false;
	if (db_exec(r->at.db, "DELETE FROM node", err) == -1)
		goto fail;
	if (r->engine->ops->capacity(r->engine, on_node, r, &why) == -1) {
		/* As they were seen last. */
		db_rollback(r->at.db);
		return 0;
	}
	if (r->failed) {
		*err = r->failure;
		goto fail;
	}
	if (db_commit(r->at.db, err) == 0)
		return 0;
fail:
	db_rollback(r->at.db);
	return -1;
}

static int
tell_engine(struct remote *r, bool up, const char *text, struct err *err)
{
	if (up == !r->told_down && r->nodes_ms > time_mono_ms())
		return 0;
	if (up == r->told_down)
		log_warn(up ? "engine-back" : "engine-gone", "engine=%s %s",
		    r->engine->ops->name, text);
	r->told_down = !up;
	return attempt_engine(r->at.db, r->engine->ops->name, up, text, err);
}

static int
look(struct remote *r, int64_t now, struct err *err)
{
	struct err why = ERR_INIT;

	forget_sights(r);
	if (r->engine->ops->snapshot(r->engine, on_seen, r, &why) == -1) {
		/* Nothing is known, so nothing changes. */
		r->look_ms = time_mono_ms() + UNREACHABLE_MS;
		return tell_engine(r, false, why.msg, err);
	}
	if (r->failed) {
		*err = r->failure;
		return -1;
	}
	r->look_ms = time_mono_ms() + 1000 * r->conf.poll;
	if (tell_engine(r, true, "", err) == -1)
		return -1;
	for (int i = 0; i < r->work->nslots; i++) {
		struct hand *h = &r->hands[i];

		if (h->slot && h->out && !h->slot->ended &&
		    look_at(r, h, now, err) == -1)
			return -1;
	}
	return look_at_nodes(r, now, err);
}

/* An engine that does not answer costs a deadline each time, and everything
 * else waits: not one after the other, and none while it is known to be gone.
 */
static int
place_all(struct remote *r, struct err *err)
{
	for (int i = 0; i < r->work->nslots && !r->told_down; i++) {
		struct hand *h = &r->hands[i];

		if (!h->slot || h->out || h->slot->ended)
			continue;
		if (hand_place(r, h, err) == -1)
			return -1;
		if (h->out && h->why.len) /* nobody knows */
			break;
	}
	return 0;
}

int
remote_look(struct remote *r, struct err *err)
{
	int64_t now = time_mono_ms();

	if (now >= r->mail_ms) {
		r->mail_ms = now + MAIL_MS;
		if (mail_take(&r->mail, err) == -1)
			return -1;
		r->work->again = r->work->again || r->mail.again;
		r->mail.again = false;
	}
	if (place_all(r, err) == -1)
		return -1;
	/* After the mail: what a node handed in counts more than what the
	 * engine says of it. */
	return now >= r->look_ms ? look(r, time_mono_ms(), err) : 0;
}

/* --- the slots -------------------------------------------------------------*/

void
remote_stop(struct remote *r, struct work_slot *s)
{
	struct hand *h = hand_of(r, s);
	struct err why = ERR_INIT;

	if (!h->slot || s->ended)
		return;
	if (h->out) {
		if (attempt_end(r->at.db, h->id, "cancelled",
			"it was told to stop", false, &why) == -1)
			log_err("cancel", &why);
		cancel(r, h->id);
	}
	s->rc = 0;
	s->result = (struct build_result){ .stopped = true,
		.message = "it was told to stop" };
	s->ended = true;
}

void
remote_leave(struct remote *r, struct work_slot *s)
{
	struct hand *h = hand_of(r, s);

	if (!h->slot || s->ended)
		return;
	s->rc = 0;
	s->left = true;
	s->result = (struct build_result){ .stopped = true };
	s->ended = true;
}

void
remote_done(struct remote *r, struct work_slot *s)
{
	struct hand *h = hand_of(r, s);

	/* It won by another attempt: this one is not needed. */
	if (h->slot && h->out && !s->left && strcmp(h->id, s->id) != 0)
		cancel(r, h->id);
	empty(h);
}

static int
next_orphan(struct remote *r, char id[EXEC_ID], int64_t *run, struct err *err)
{
	static const char sql[] =
	    "SELECT id, run FROM attempt WHERE state IN ('submitting',"
	    " 'waits', 'runs') LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(r->at.db, sql);
	int got = stmt_step(q, err);

	if (got == 1) {
		snprintf(id, EXEC_ID, "%s", stmt_str(q, 0));
		*run = stmt_int(q, 1);
	}
	return got;
}

int
remote_sweep(struct remote *r, struct err *err)
{
	static const char sql[] =
	    "UPDATE run SET state = 'lost', cause = 'stopped', message ="
	    " 'nothing waits for it any more', finished_at = ?2 WHERE id = ?1"
	    " AND state IN ('queued', 'running')";
	char id[EXEC_ID];
	int64_t run;
	int got;

	while ((got = next_orphan(r, id, &run, err)) == 1) {
		auto_stmt struct stmt *q = db_stmt(r->at.db, sql);

		stmt_bind_int(q, 1, run);
		stmt_bind_int(q, 2, time_now());
		if (attempt_end(r->at.db, id, "cancelled",
			"nothing waits for it any more", false, err) == -1 ||
		    stmt_run(q, err) == -1)
			return -1;
		cancel(r, id);
	}
	return got;
}
