#include "builder/cli/watch_show.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"

#define PLAIN_MS 5000 /* between lines when stderr is no terminal */

struct show {
	int64_t since, event, drawn_ms;
	bool tty;
};

/* --- the cycle
 * --------------------------------------------------------------*/

int
cycle_read(struct db *farm, int64_t since, struct cycle *c, struct err *err)
{
	static const char sql[] =
	    "SELECT id, started_at, coalesce(finished_at, 0), executed,"
	    " failed, coalesce(error, '') FROM cycle WHERE started_at >= ?1"
	    " AND interrupted = 0 ORDER BY id LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(farm, sql);
	int got;

	stmt_bind_int(q, 1, since);
	got = stmt_step(q, err);
	if (got != 1)
		return got;
	c->id = stmt_int(q, 0);
	c->started_at = stmt_int(q, 1);
	c->finished_at = stmt_int(q, 2);
	c->executed = stmt_int(q, 3);
	c->failed = stmt_int(q, 4);
	snprintf(c->error, sizeof(c->error), "%s", stmt_str(q, 5));
	return 1;
}

/* --- progress
 * ---------------------------------------------------------------*/

struct show *
show_open(int64_t since)
{
	struct show *s = mem_zero(1, sizeof(*s));

	s->since = since;
	s->tty = isatty(STDERR_FILENO);
	return s;
}

static void
wipe_line(const struct show *s)
{
	if (s->tty)
		fputs("\r\033[K", stderr);
}

void
show_close(struct show *s)
{
	wipe_line(s);
	free(s);
}

static void
show_events(struct show *s, struct db *farm)
{
	static const char sql[] = "SELECT id, at, text FROM event"
				  " WHERE id > ?1 AND at >= ?2 ORDER BY id";
	auto_stmt struct stmt *q = db_stmt(farm, sql);
	struct err err = ERR_INIT;

	stmt_bind_int(q, 1, s->event);
	stmt_bind_int(q, 2, s->since);
	while (stmt_step(q, &err) == 1) {
		int64_t t = stmt_int(q, 1) - s->since;

		s->event = stmt_int(q, 0);
		wipe_line(s);
		fprintf(stderr, "%3d:%02d   %s\n", (int)(t / 60), (int)(t % 60),
		    stmt_str(q, 2));
	}
}

static void
add_amount(struct buf *b, const char *unit, int64_t n)
{
	if (strcmp(unit, "B") == 0)
		num_add_size(b, n);
	else if (strcmp(unit, "ms") == 0)
		num_add_duration(b, n);
	else
		buf_printf(b, "%lld %s", (long long)n, unit);
}

static void
add_work(struct buf *line, struct db *farm)
{
	static const char sql[] =
	    "SELECT what, subject, unit, done, total, started_at"
	    " FROM progress WHERE ended_at IS NULL ORDER BY id LIMIT 3";
	auto_stmt struct stmt *q = db_stmt(farm, sql);
	struct err err = ERR_INIT;

	while (stmt_step(q, &err) == 1) {
		const char *unit = stmt_str(q, 2);

		if (line->len > 0)
			buf_str(line, " | ");
		buf_printf(line, "%s %s ", stmt_str(q, 0), stmt_str(q, 1));
		if (strcmp(unit, "ms") == 0)
			num_add_duration(
			    line, 1000 * (time_now() - stmt_int(q, 5)));
		else
			add_amount(line, unit, stmt_int(q, 3));
		if (!stmt_null(q, 4)) {
			buf_str(line,
			    strcmp(unit, "ms") == 0 ? " of about " : " of ");
			add_amount(line, unit, stmt_int(q, 4));
		}
	}
}

/*
 * What is left, from the mean of earlier runs of the same recipe, stage and
 * lane; false while a waiting run has never been seen.
 */
static bool
estimate(struct db *farm, int64_t *ms)
{
	static const char sql[] =
	    "SELECT count(*), count(known), total(max(0, known -"
	    "  CASE state WHEN 'running' THEN 1000 * (?1 - started) ELSE 0"
	    "  END)) FROM (SELECT r.state AS state, r.started_at AS started,"
	    "  (SELECT avg(o.wall_ms) FROM run o JOIN plan op"
	    "    ON op.digest = o.plan WHERE op.recipe = p.recipe"
	    "    AND op.stage = p.stage AND o.lane = r.lane"
	    "    AND o.state = 'succeeded') AS known"
	    " FROM run r JOIN plan p ON p.digest = r.plan"
	    " WHERE r.state IN ('queued', 'running'))";
	auto_stmt struct stmt *q = db_stmt(farm, sql);
	struct err err = ERR_INIT;

	stmt_bind_int(q, 1, time_now());
	if (stmt_step(q, &err) != 1 || stmt_int(q, 0) == 0 ||
	    stmt_int(q, 0) != stmt_int(q, 1))
		return false;
	*ms = stmt_int(q, 2);
	return true;
}

static void
add_counts(struct buf *line, const struct show *s, struct db *farm)
{
	static const char sql[] =
	    "SELECT count(*) FILTER (WHERE state NOT IN ('queued', 'running',"
	    " 'lost')), count(*) FILTER (WHERE state <> 'lost') FROM run"
	    " WHERE queued_at >= ?1";
	auto_stmt struct stmt *q = db_stmt(farm, sql);
	struct err err = ERR_INIT;
	int64_t left;

	stmt_bind_int(q, 1, s->since);
	if (stmt_step(q, &err) == 1 && stmt_int(q, 1) > 0)
		buf_printf(line, " | %lld of %lld builds",
		    (long long)stmt_int(q, 0), (long long)stmt_int(q, 1));
	buf_str(line, " | ");
	num_add_duration(line, 1000 * (time_now() - s->since));
	if (estimate(farm, &left)) {
		buf_str(line, ", about ");
		num_add_duration(line, left);
		buf_str(line, " to go");
	}
}

void
show_progress(struct show *s, struct db *farm)
{
	auto_buf struct buf line = BUF_INIT;
	struct winsize ws = { .ws_col = 80 };

	show_events(s, farm);
	if (!s->tty && time_mono_ms() - s->drawn_ms < PLAIN_MS)
		return;
	s->drawn_ms = time_mono_ms();
	add_work(&line, farm);
	if (line.len == 0)
		buf_str(&line, "looking at the archive and the recipes");
	add_counts(&line, s, farm);
	if (!s->tty) {
		fprintf(stderr, "         %s\n", line.data);
		return;
	}
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == -1 || ws.ws_col < 20)
		ws.ws_col = 80;
	fprintf(stderr, "\r\033[K%.*s", ws.ws_col - 1, line.data);
	fflush(stderr);
}

/* --- results
 * ----------------------------------------------------------------*/

int
show_builds(struct db *farm, const struct cycle *c, struct err *err)
{
	static const char sql[] =
	    "SELECT r.name, coalesce(p.stage, '-'), coalesce(p.verdict, '-'),"
	    " coalesce(o.name, ''), coalesce(o.digest, ''),"
	    " coalesce(o.size, 0), coalesce(r.error, (SELECT f.message FROM"
	    "  run f WHERE f.plan = p.digest AND f.state = 'failed'"
	    "  ORDER BY f.id DESC LIMIT 1), '')"
	    " FROM recipe r"
	    " LEFT JOIN current c ON c.recipe = r.name"
	    " LEFT JOIN plan p ON p.digest = c.plan"
	    " LEFT JOIN output o ON p.verdict = 'reproduced' AND o.run ="
	    "  (SELECT max(id) FROM run WHERE plan = p.digest AND"
	    "   state = 'succeeded')"
	    " ORDER BY r.name, p.stage, o.name";
	auto_stmt struct stmt *q = db_stmt(farm, sql);
	int got;

	(void)c;
	while ((got = stmt_step(q, err)) == 1) {
		auto_buf struct buf size = BUF_INIT;

		if (stmt_str(q, 4)[0] == '\0') {
			printf("built    %-14s %-5s %s%s%s\n", stmt_str(q, 0),
			    stmt_str(q, 1), stmt_str(q, 2),
			    stmt_str(q, 6)[0] ? ": " : "", stmt_str(q, 6));
			continue;
		}
		num_add_size(&size, stmt_int(q, 5));
		printf("built    %-14s %-5s %-10s %s  %9s  %s\n",
		    stmt_str(q, 0), stmt_str(q, 1), stmt_str(q, 3),
		    stmt_str(q, 4), size.data, stmt_str(q, 2));
	}
	fflush(stdout);
	return got;
}

int
built_read(
    struct db *farm, const char *name, char *out, size_t room, struct err *err)
{
	/* "build" comes before "image": what holds the other is named. */
	static const char sql[] =
	    "SELECT CASE WHEN r.error IS NOT NULL THEN 'held'"
	    " WHEN t.state IS NULL THEN 'not built'"
	    " WHEN t.state <> 'done' AND"
	    "  coalesce(p.verdict, 'reproduced') = 'reproduced' THEN t.state"
	    " ELSE coalesce(p.verdict, 'no verdict') END AS what"
	    " FROM recipe r LEFT JOIN task t ON t.recipe = r.name"
	    " LEFT JOIN plan p ON p.digest = t.plan"
	    " WHERE r.name = ?1 ORDER BY what = 'reproduced', t.stage";
	auto_stmt struct stmt *q = db_stmt(farm, sql);
	int got;

	stmt_bind_str(q, 1, name);
	got = stmt_step(q, err);
	snprintf(out, room, "%s", got == 1 ? stmt_str(q, 0) : "no recipe");
	return got == -1 ? -1 : 0;
}

int
services_read(struct db *farm, struct buf *out, uint32_t *n, struct err *err)
{
	static const char sql[] = "SELECT DISTINCT service FROM release"
				  " ORDER BY service LIMIT 32";
	auto_stmt struct stmt *q = db_stmt(farm, sql);
	int got;

	*n = 0;
	while ((got = stmt_step(q, err)) == 1) {
		ipc_add_str(out, stmt_str(q, 0));
		(*n)++;
	}
	return got;
}

int
published_cycle(struct db *tuf, int64_t *served, struct err *err)
{
	static const char sql[] =
	    "SELECT value FROM state WHERE key = 'served_cycle'";
	auto_stmt struct stmt *q = db_stmt(tuf, sql);
	int got = stmt_step(q, err);

	*served = got == 1 ? stmt_int(q, 0) : 0;
	return got == -1 ? -1 : 0;
}

int
show_published(struct db *tuf, const struct watch_setup *s, struct published *p,
    struct err *err)
{
	static const char last[] =
	    "SELECT timestamp_version, snapshot_version FROM publication"
	    " ORDER BY id DESC LIMIT 1";
	static const char sets[] =
	    "SELECT counter FROM published_set WHERE channel = 'edge'"
	    " ORDER BY counter DESC LIMIT 1";
	static const char refused[] =
	    "SELECT cause, text FROM refusal WHERE at >= ?1 ORDER BY at";
	auto_stmt struct stmt *q = db_stmt(tuf, last);
	auto_stmt struct stmt *e = db_stmt(tuf, sets);
	auto_stmt struct stmt *r = db_stmt(tuf, refused);
	int got = stmt_step(q, err);

	if (got == -1)
		return -1;
	if (got == 1) {
		p->timestamp = stmt_int(q, 0);
		p->snapshot = stmt_int(q, 1);
	}
	if ((got = stmt_step(e, err)) == -1)
		return -1;
	p->counter = got == 1 ? stmt_int(e, 0) : 0;
	stmt_bind_int(r, 1, s->since);
	while ((got = stmt_step(r, err)) == 1)
		printf("refused  %s (%s)\n", stmt_str(r, 1), stmt_str(r, 0));
	if (got == -1)
		return -1;
	printf("publish  timestamp %lld, snapshot %lld, edge set %lld; every "
	       "signature by 1 party (k = 1%s)\n",
	    (long long)p->timestamp, (long long)p->snapshot,
	    (long long)p->counter, s->demo ? ", demonstration keys" : "");
	fflush(stdout);
	return 0;
}

/* --- the router
 * -------------------------------------------------------------*/

static void
copy(char *out, size_t room, const json_t *from, const char *key)
{
	const char *s = json_string_value(json_object_get(from, key));

	snprintf(out, room, "%s", s ? s : "");
}

int
router_parse(const char *text, size_t len, struct router *r, struct err *err)
{
	auto_json json_t *j = js_parse("kiln-agent status", text, len, err);
	const json_t *set, *services, *one;
	size_t i, at = 0;

	if (j == NULL)
		return -1;
	*r = (struct router){ 0 };
	copy(r->phase, sizeof(r->phase), j, "phase");
	copy(r->cause, sizeof(r->cause), j, "error");
	copy(r->accel, sizeof(r->accel), j, "accel");
	set = json_object_get(j, "set");
	r->counter = json_integer_value(json_object_get(set, "counter"));
	r->bad_counter = json_integer_value(json_object_get(j, "bad_counter"));
	r->committed = strcmp(r->phase, "committed") == 0;
	r->well = true;
	services = json_object_get(j, "services");
	json_array_foreach(services, i, one)
	{
		char name[64], image[65], address[64];

		/* Committed long ago and booting just now: not yet. */
		if (!json_is_true(json_object_get(one, "well")))
			r->well = false;
		copy(name, sizeof(name), one, "service");
		copy(image, sizeof(image), one, "image");
		copy(address, sizeof(address), one, "address");
		if (r->address[0] == '\0')
			snprintf(r->address, sizeof(r->address), "%s", address);
		at += (size_t)snprintf(r->services + at,
		    at < sizeof(r->services) ? sizeof(r->services) - at : 0,
		    "%s%s %.12s… at %s", i ? ", " : "", name, image, address);
		if (at >= sizeof(r->services))
			break;
	}
	return 0;
}

void
show_router(const struct router *r)
{
	printf("router   runs edge set %lld (%s): %s\n", (long long)r->counter,
	    r->accel, r->services);
	fflush(stdout);
}

int
show_answer(const struct router *r, const char *text, struct err *err)
{
	struct span rest = span_str(text), line;
	bool any = false;

	while (span_next(&rest, '\n', &line)) {
		if (line.n == 0)
			continue;
		/* dig's answers, then its ";; Query time: 1 msec". */
		if (line.p[0] != ';') {
			printf("query    from the LAN, dig @%s: %.*s\n",
			    r->address, (int)line.n, line.p);
			any = true;
		} else if (line.n > 13 &&
			   strncmp(line.p, ";; Query time", 13) == 0)
			printf("query    %.*s\n", (int)line.n - 3, line.p + 3);
	}
	fflush(stdout);
	return any ? 0
		   : err_set(err, ERR_SYSTEM,
			 "the virtual machine at %s gave no answer",
			 r->address);
}

void
show_work(const struct cycle *c, int64_t since)
{
	auto_buf struct buf t = BUF_INIT;

	num_add_duration(&t, 1000 * (time_now() - since));
	if (c->executed == 0)
		printf("work     nothing to build: every plan already has its "
		       "verdict; %s\n",
		    t.data);
	else
		printf("work     %lld sandboxes started; %s\n",
		    (long long)c->executed, t.data);
	fflush(stdout);
}
