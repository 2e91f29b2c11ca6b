#include "tuf-repo/asked.h"

#include <stdlib.h>
#include <string.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/schema.h"
#include "tuf-repo/brake.h"
#include "tuf-repo/waves.h"

#define SERVED "web_request" /* in state: the last row that was taken */
#define AT_ONCE 100
#define BY_MAX 64

struct request {
	int64_t id, at;
	char *kind, *argument, *by; /* owned */
};

static void
request_release(struct request *q)
{
	free(q->kind);
	free(q->argument);
	free(q->by);
}
#define auto_request __attribute__((cleanup(request_release)))

struct answer_row {
	char *channel;	    /* owned; NULL: none was named rightly */
	struct buf text;    /* one sentence */
	struct buf command; /* empty: nothing to type */
	bool done;
};

static void
answer_release(struct answer_row *a)
{
	free(a->channel);
	buf_release(&a->text);
	buf_release(&a->command);
}
#define auto_answer __attribute__((cleanup(answer_release)))

int
asked_open(struct repo *r, const struct farm *farm, struct err *err)
{
	auto_free char *path = farm_file(farm, "web.db");
	auto_db struct db *db = NULL;
	struct err why = ERR_INIT;

	if (r->web)
		return 0;
	db = db_open_reader_of(path, WEB_SCHEMA, &why);
	if (!db) {
		if (why.cls == ERR_MISSING)
			return 0;
		*err = why;
		return -1;
	}
	if (r->spool == -1 && (r->spool = farm_dir(farm, "spool", err)) == -1)
		return -1;
	r->web = take_ptr(&db);
	return 0;
}

/* --- what a request says ----------------------------------------------- */

static const char *
word(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

/* Only what is safe to show as a word of a command line. */
static int
get_word(const json_t *o, const char *key, const char **out, struct err *err)
{
	if (js_str("request", o, key, out, err) == -1)
		return -1;
	if (!name_ok(*out) || strlen(*out) >= 64)
		return err_set(err, ERR_INPUT, "request: %s is no name", key);
	return 0;
}

static int
get_counter(const json_t *o, int64_t *counter, struct err *err)
{
	*counter = 0;
	if (!json_object_get(o, "counter"))
		return 0;
	return js_int("request", o, "counter", 1, JS_INT_MAX, counter, err);
}

static int
do_halt(struct repo *r, const struct request *q, const json_t *o,
    struct answer_row *a, struct err *err)
{
	static const char *const keys[] = { "channel", "arch", "counter",
		"reason", NULL };
	struct brake_order b = { .by = q->by };
	size_t n;

	if (js_only("request", o, keys, err) == -1 ||
	    get_word(o, "channel", &b.channel, err) == -1 ||
	    (word(o, "arch") && get_word(o, "arch", &b.arch, err) == -1) ||
	    get_counter(o, &b.counter, err) == -1 ||
	    js_str("request", o, "reason", &b.reason, err) == -1)
		return -1;
	a->channel = mem_str(b.channel);
	if (brake_order(r, &b, &n, err) == -1)
		return -1;
	buf_printf(&a->text, "stopped for 14 days at most");
	a->done = true;
	return 0;
}

static int
do_promote(const json_t *o, struct answer_row *a, struct err *err)
{
	static const char *const keys[] = { "channel", "from", "counter",
		NULL };
	const char *channel, *from;
	int64_t counter;

	if (js_only("request", o, keys, err) == -1 ||
	    get_word(o, "channel", &channel, err) == -1 ||
	    get_word(o, "from", &from, err) == -1 ||
	    get_counter(o, &counter, err) == -1)
		return -1;
	a->channel = mem_str(channel);
	buf_printf(&a->command, "kiln-tuf promote --channel %s --from %s",
	    channel, from);
	if (counter)
		buf_printf(&a->command, " --counter %lld", (long long)counter);
	return 0;
}

static int
do_resume(const json_t *o, struct answer_row *a, struct err *err)
{
	static const char *const keys[] = { "channel", NULL };
	const char *channel;

	if (js_only("request", o, keys, err) == -1 ||
	    get_word(o, "channel", &channel, err) == -1)
		return -1;
	a->channel = mem_str(channel);
	buf_printf(&a->command, "kiln-tuf resume %s", channel);
	return 0;
}

static int
do_waves(const json_t *o, struct answer_row *a, struct err *err)
{
	static const char *const keys[] = { "channel", "waves", NULL };
	const char *channel;
	json_t *waves;

	if (js_only("request", o, keys, err) == -1 ||
	    get_word(o, "channel", &channel, err) == -1 ||
	    js_array("request", o, "waves", &waves, err) == -1 ||
	    waves_check(waves, err) == -1)
		return -1;
	a->channel = mem_str(channel);
	buf_printf(&a->command,
	    "kiln-tuf promote --channel %s --from %s --waves ", channel,
	    channel);
	waves_text(waves, &a->command);
	return 0;
}

static int
decide(struct repo *r, const struct request *q, struct answer_row *a,
    struct err *err)
{
	auto_json json_t *o =
	    js_parse("request", q->argument, strlen(q->argument), err);
	int rc;

	if (!o)
		return -1;
	if (strcmp(q->kind, "halt") == 0)
		return do_halt(r, q, o, a, err);
	if (strcmp(q->kind, "resume") == 0)
		rc = do_resume(o, a, err);
	else if (strcmp(q->kind, "waves") == 0)
		rc = do_waves(o, a, err);
	else
		rc = do_promote(o, a, err);
	if (rc == -1)
		return -1;
	buf_str(&a->text, "waits for the release key");
	return 0;
}

/* --- taking ------------------------------------------------------------ */

static bool
ours(const char *kind)
{
	static const char *const kinds[] = { "halt", "promote", "start",
		"resume", "waves", NULL };

	for (size_t i = 0; kinds[i]; i++)
		if (strcmp(kinds[i], kind) == 0)
			return true;
	return false;
}

static int
write_row(struct repo *r, const struct request *q, const struct answer_row *a,
    struct err *err)
{
	static const char sql[] =
	    "INSERT INTO asked(id, at, kind, channel, by, text, command,"
	    " done_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
	    " ON CONFLICT DO NOTHING";
	auto_stmt struct stmt *s = db_stmt(r->db, sql);

	stmt_bind_int(s, 1, q->id);
	stmt_bind_int(s, 2, q->at);
	stmt_bind_str(s, 3, q->kind);
	stmt_bind_str(s, 4, a->channel ? a->channel : "");
	stmt_bind_str(s, 5, q->by);
	stmt_bind_str(s, 6, a->text.data);
	stmt_bind_str(s, 7, a->command.len ? a->command.data : NULL);
	if (a->done)
		stmt_bind_int(s, 8, r->now);
	return stmt_run(s, err);
}

static int
take(struct repo *r, const struct request *q, struct err *err)
{
	auto_answer struct answer_row a = { NULL, BUF_INIT, BUF_INIT, false };
	struct err why = ERR_INIT;

	if (ours(q->kind)) {
		if (decide(r, q, &a, &why) == -1) {
			if (why.cls != ERR_INPUT) {
				*err = why;
				return -1;
			}
			buf_clear(&a.text);
			buf_clear(&a.command);
			buf_str(&a.text, why.msg);
			a.done = true;
		}
		if (write_row(r, q, &a, err) == -1)
			return -1;
	}
	/* Killed before this, the same stop is ordered again: no harm. */
	return state_set(r->db, SERVED, q->id, err);
}

static int
next_request(struct repo *r, int64_t after, struct request *q, bool *got,
    struct err *err)
{
	static const char sql[] =
	    "SELECT id, at, kind, argument, by FROM request"
	    " WHERE id > ?1 ORDER BY id LIMIT 1";
	auto_stmt struct stmt *s = db_stmt(r->web, sql);
	int rc;

	stmt_bind_int(s, 1, after);
	rc = stmt_step(s, err);
	if (rc == -1)
		return -1;
	*got = rc == 1;
	if (!*got)
		return 0;
	q->id = stmt_int(s, 0);
	q->at = stmt_int(s, 1);
	q->kind = mem_str(stmt_str(s, 2));
	q->argument = mem_str(stmt_str(s, 3));
	q->by = mem_strn(stmt_str(s, 4), strnlen(stmt_str(s, 4), BY_MAX));
	return 0;
}

int
asked_take(struct repo *r, struct err *err)
{
	bool got = true;
	int64_t last;

	if (!r->web)
		return 0;
	if (state_get(r->db, SERVED, &last, err) == -1)
		return -1;
	for (int i = 0; i < AT_ONCE && got; i++) {
		auto_request struct request q = { .id = last };

		if (next_request(r, last, &q, &got, err) == -1)
			return err_prefix(err, "web.db");
		if (got && take(r, &q, err) == -1)
			return -1;
		last = q.id;
	}
	return 0;
}

int
asked_done(
    struct repo *r, const char *kind, const char *channel, struct err *err)
{
	static const char sql[] =
	    "UPDATE asked SET done_at = ?3 WHERE done_at IS NULL"
	    " AND (?1 IS NULL OR kind = ?1) AND channel = ?2";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	stmt_bind_str(q, 1, kind);
	stmt_bind_str(q, 2, channel);
	stmt_bind_int(q, 3, r->now);
	return stmt_run(q, err);
}
