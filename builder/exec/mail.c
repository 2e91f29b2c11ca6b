/*
 * What nodes handed in.  Rows of web.db and files of spool/ are another
 * program's, and what they say a node's: each is judged here.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/exec/attempt.h"
#include "builder/exec/remote.h"
#include "builder/exec/ticket.h"
#include "builder/plan/ledger.h"
#include "builder/progress.h"
#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/schema.h"

#define SPOOL_NAME (EXEC_ID + HASH_HEX)

/* --- bytes -----------------------------------------------------------------*/

/* Into the store, hashed on the way: ERR_TRUST, ERR_MISSING, or the disk. */
static int
take_blob(const struct remote_mail *m, const char *attempt,
    const struct hash *h, int64_t size, struct err *err)
{
	char name[SPOOL_NAME], hex[HASH_HEX];
	auto_fd int fd = -1;

	hash_hex(h, hex);
	snprintf(name, sizeof(name), "%s-%s", attempt, hex);
	fd = file_open_at(m->at->spool, name, O_RDONLY, 0, err);
	if (fd == -1)
		return err_prefix(err, "spool");
	return store_put_expected(m->at->store, fd, h, size, err);
}

static int
take_blobs(const struct remote_mail *m, const struct handin *h, struct err *err)
{
	const struct outputs *o = &h->result.outputs;

	for (size_t i = 0; i < o->n; i++)
		if (take_blob(m, h->attempt, &o->v[i].sha256, o->v[i].size,
			err) == -1)
			return err_prefix(err, "output %s", o->v[i].name);
	if (take_blob(m, h->attempt, &h->result.log, h->log_size, err) == -1)
		return err_prefix(err, "log");
	return 0;
}

/* Whose fault is it? */
static bool
of_the_node(const struct err *err)
{
	return err->cls == ERR_TRUST || err->cls == ERR_MISSING ||
	       err->cls == ERR_INPUT;
}

/* --- what is said ----------------------------------------------------------*/

struct run_row {
	char state[12], lane;
	struct hash plan;
};

static int
run_of(struct db *db, int64_t id, struct run_row *r, struct err *err)
{
	static const char sql[] =
	    "SELECT state, lane, plan FROM run WHERE id = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got;

	stmt_bind_int(q, 1, id);
	got = stmt_step(q, err);
	if (got != 1)
		return got == -1 ? -1 : 0;
	snprintf(r->state, sizeof(r->state), "%s", stmt_str(q, 0));
	r->lane = stmt_str(q, 1)[0];
	return stmt_hash(q, 2, &r->plan) ? 1 : 0;
}

/* Is it about what was asked for? */
static int
check(const struct handin *h, const struct attempt *a, const struct run_row *r,
    struct err *err)
{
	int64_t all = h->log_size;

	if (strcmp(h->attempt, a->id) != 0 ||
	    !hash_equal(&h->ticket, &a->ticket) ||
	    !hash_equal(&h->plan, &r->plan) || h->lane != r->lane)
		return err_set(err, ERR_TRUST,
		    "what it handed in is about something else");
	for (size_t i = 0; i < h->result.outputs.n; i++)
		all += h->result.outputs.v[i].size;
	if (all > a->quota)
		return err_set(err, ERR_TRUST, "it handed in too much");
	return 0;
}

/* All that the plan declares, and nothing else; both are sorted. */
static int
check_outputs(const struct handin *h, const struct plan *p, struct err *err)
{
	const struct outputs *o = &h->result.outputs;
	bool same = o->n == p->noutputs;

	if (h->outcome != HANDIN_SUCCEEDED)
		return 0;
	for (size_t i = 0; same && i < o->n; i++) {
		same = false;
		for (size_t k = 0; k < p->noutputs; k++)
			same = same || strcmp(o->v[i].name, p->outputs[k]) == 0;
	}
	return same ? 0
		    : err_set(err, ERR_TRUST,
			  "its outputs are not those that the plan declares");
}

/* --- the first that is right -----------------------------------------------*/

static int
take_result(struct remote_mail *m, struct work_slot *s, struct handin *h,
    const struct attempt *a, struct err *err)
{
	struct err why = ERR_INIT;

	if (h->outcome == HANDIN_LOST)
		err_set(
		    &why, ERR_MISSING, "%s: %s", h->node, h->result.message);
	else if (check_outputs(h, s->order.plan, &why) == 0 &&
		 take_blobs(m, h, &why) == 0) {
		s->rc = 0;
		s->result = h->result;
		h->result = (struct build_result){ 0 };
		s->order.environment = h->environment;
		if (m->ended(m->arg, s, a->id, MAIL_TAKEN, "", err) == -1)
			return -1;
		return attempt_note_node(m->at->db, a->id, h->node, err);
	}
	if (!of_the_node(&why)) {
		*err = why;
		return -1;
	}
	if (attempt_end(m->at->db, a->id,
		h->outcome == HANDIN_LOST ? "lost" : "refused", why.msg, true,
		err) == -1)
		return -1;
	return m->ended(m->arg, s, a->id, MAIL_LOST, why.msg, err);
}

/* --- the others ------------------------------------------------------------*/

/* 1: the same bytes as the run's own. */
static int
same_outputs(
    struct db *db, int64_t run, const struct outputs *o, struct err *err)
{
	static const char sql[] =
	    "SELECT count(*), sum(name = ?2 AND digest = ?3) FROM output"
	    " WHERE run = ?1";
	int64_t rows = 0;

	for (size_t i = 0; i < o->n; i++) {
		auto_stmt struct stmt *q = db_stmt(db, sql);

		stmt_bind_int(q, 1, run);
		stmt_bind_str(q, 2, o->v[i].name);
		stmt_bind_hash(q, 3, &o->v[i].sha256);
		if (stmt_step(q, err) != 1)
			return -1;
		rows = stmt_int(q, 0);
		if (stmt_int(q, 1) != 1)
			return 0;
	}
	return rows == (int64_t)o->n;
}

static int
put_record(struct remote_mail *m, const struct handin *h,
    const struct plan *plan, struct hash *digest, struct err *err)
{
	const struct build_order o = {
		.plan = plan, .lane = h->lane, .environment = h->environment
	};
	auto_json json_t *j = build_record(&o, &h->result, "farm");
	auto_buf struct buf text = BUF_INIT;

	if (canon_json(j, &text, err) == -1)
		return -1;
	return store_put_bytes(m->at->store, text.data, text.len, digest, err);
}

static int
take_verdict_back(struct db *db, const struct handin *h, struct err *err)
{
	static const char sql[] =
	    "UPDATE plan SET verdict = NULL, verdict_record = NULL,"
	    " judged_at = NULL WHERE digest = ?1";
	static const char who[] =
	    "SELECT recipe || '/' || stage FROM plan WHERE digest = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	auto_stmt struct stmt *w = db_stmt(db, who);
	int64_t event;

	stmt_bind_hash(q, 1, &h->plan);
	stmt_bind_hash(w, 1, &h->plan);
	if (stmt_run(q, err) == -1 || stmt_step(w, err) != 1)
		return -1;
	return event_put(db, "audit-alarm", stmt_str(w, 0), 0, &event, err,
	    "a second copy of lane %c, which ran on %s, gave other bytes: its"
	    " plan is judged again, and nothing that holds it is published"
	    " meanwhile",
	    h->lane, h->node);
}

/* A run more, and no verdict until it was judged with it: all, or nothing. */
static int
add_run(struct remote_mail *m, const struct handin *h, const struct attempt *a,
    struct err *err)
{
	static const char sql[] =
	    "INSERT INTO run (plan, lane, state, queued_at, started_at, audit)"
	    " VALUES (?1, ?2, 'running', ?3, ?4, 2)";
	const struct build_result *r = &h->result;
	auto_plan struct plan *plan = plan_load(m->at->store, &h->plan, err);
	auto_stmt struct stmt *q = db_stmt(m->at->db, sql);
	struct ledger_end e = { .succeeded = true,
		.environment = h->environment,
		.finished = r->finished,
		.log = r->log,
		.wall_ms = r->wall_ms,
		.cpu_ms = r->cpu_ms,
		.max_rss_kib = r->max_rss_kib };
	int rc;

	if (!plan || put_record(m, h, plan, &e.record, err) == -1)
		return -1;
	stmt_bind_hash(q, 1, &h->plan);
	stmt_bind_text(q, 2, &h->lane, 1);
	stmt_bind_int(q, 3, time_now());
	stmt_bind_int(q, 4, r->started);
	if (stmt_run(q, err) == -1)
		return -1;
	e.id = db_last_id(m->at->db);
	e.outputs = mem_zero(r->outputs.n + 1, sizeof(*e.outputs));
	for (; e.noutputs < r->outputs.n; e.noutputs++) {
		e.outputs[e.noutputs].name = r->outputs.v[e.noutputs].name;
		e.outputs[e.noutputs].sha256 = r->outputs.v[e.noutputs].sha256;
		e.outputs[e.noutputs].size = r->outputs.v[e.noutputs].size;
	}
	rc = ledger_end(m->at->db, &e, err);
	free(e.outputs);
	if (rc == -1 || take_verdict_back(m->at->db, h, err) == -1)
		return -1;
	return attempt_end(m->at->db, a->id, "differs",
	    "another copy of the run gave other bytes", true, err);
}

static int
note_difference(struct remote_mail *m, const struct handin *h,
    const struct attempt *a, struct err *err)
{
	struct db *db = m->at->db;

	if (db_begin(db, err) == -1)
		return -1;
	if (add_run(m, h, a, err) == -1 || db_commit(db, err) == -1) {
		db_rollback(db);
		return -1;
	}
	m->again = true;
	log_warn("audit-alarm", "attempt=%s node=%s", a->id, h->node);
	return 0;
}

static int
compare(struct remote_mail *m, const struct handin *h, const struct attempt *a,
    const struct run_row *r, struct err *err)
{
	bool won = strcmp(r->state, "succeeded") == 0;
	struct err why = ERR_INIT;
	int same;

	if (h->outcome == HANDIN_LOST || !won || h->outcome != HANDIN_SUCCEEDED)
		return attempt_end(m->at->db, a->id,
		    h->outcome == HANDIN_LOST ? "lost" : "same",
		    h->outcome == HANDIN_LOST
			? h->result.message
			: "it came after the run had its end",
		    true, err);
	same = same_outputs(m->at->db, a->run, &h->result.outputs, err);
	if (same == -1)
		return -1;
	if (same)
		return attempt_end(m->at->db, a->id, "same",
		    "it gave the bytes that were there already", true, err);
	/* Anybody can say so; the bytes have to be there. */
	if (take_blobs(m, h, &why) == 0)
		return note_difference(m, h, a, err);
	if (!of_the_node(&why)) {
		*err = why;
		return -1;
	}
	return attempt_end(m->at->db, a->id, "refused", why.msg, true, err);
}

/* --- taking ----------------------------------------------------------------*/

static int
take(struct remote_mail *m, const char *id, const char *body, struct err *err)
{
	auto_handin struct handin h = { .lane = 0 };
	struct work_slot *s;
	struct run_row r;
	struct attempt a;
	struct err why = ERR_INIT;
	int got = attempt_find(m->at->db, id, &a, err);

	if (got != 1 || a.taken)
		return got == -1 ? -1 : 0;
	got = run_of(m->at->db, a.run, &r, err);
	if (got != 1)
		return got;
	s = m->slot_of(m->arg, a.run);
	if (handin_read(&h, "hand-in", body, strlen(body), &why) == -1 ||
	    check(&h, &a, &r, &why) == -1) {
		if (attempt_end(m->at->db, id, "refused", why.msg, true, err) ==
		    -1)
			return -1;
		return s ? m->ended(m->arg, s, id, MAIL_LOST, why.msg, err) : 0;
	}
	if (s)
		return s->ended ? 0 : take_result(m, s, &h, &a, err);
	/* Whoever plans next has it in hand soon. */
	if (strcmp(r.state, "running") == 0 || strcmp(r.state, "queued") == 0)
		return 0;
	if (strcmp(r.state, "lost") == 0)
		return attempt_end(m->at->db, id, "refused",
		    "nobody waited for it any more", true, err);
	return compare(m, &h, &a, &r, err);
}

int
mail_take(struct remote_mail *m, struct err *err)
{
	static const char sql[] =
	    "SELECT attempt, body FROM handin ORDER BY at, attempt";
	struct err none = ERR_INIT;
	int got;

	if (!m->web)
		m->web = db_open_reader_of(m->at->web_db, WEB_SCHEMA, &none);
	if (!m->web)
		return 0;
	auto_stmt struct stmt *q = db_stmt(m->web, sql);

	while ((got = stmt_step(q, err)) == 1) {
		auto_free char *id = mem_str(stmt_str(q, 0));
		auto_free char *body = mem_str(stmt_str(q, 1));

		if (take(m, id, body, err) == -1)
			return -1;
	}
	return got;
}

void
mail_close(struct remote_mail *m)
{
	db_close(m->web);
	m->web = NULL;
}
