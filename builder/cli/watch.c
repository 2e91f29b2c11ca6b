/*
 * What `kiln up` and `kiln build` show: progress while the farm works, then
 * what was built, what is published, what the router runs and what it answered.
 */
#include "builder/cli/watch.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "builder/cli/watch_show.h"
#include "lib/cli.h"
#include "lib/drop.h"
#include "lib/ipc.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/schema.h"

#define SOCK 3
#define FARM_MS 30000	  /* farm.db must appear */
#define PUBLISH_MS 180000 /* from the end of the cycle */
#define ROUTER_MS 300000  /* fetch, boot, probe: TCG on a slow machine */

static int
setup_get(struct watch_setup *s, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	uint32_t demo, once, alone, keys, router;

	if (ipc_recv(SOCK, 10000, &m, err) != 1 || m.type != WATCH_SETUP)
		return err_set(err, ERR_INPUT, "watch: no setup");
	if (ipc_get_str(&m, 4096, &s->state, err) == -1 ||
	    ipc_get_str(&m, 4096, &s->shown, err) == -1 ||
	    ipc_get_str(&m, 256, &s->url, err) == -1 ||
	    ipc_get_i64(&m, &s->since, err) == -1 ||
	    ipc_get_u32(&m, &demo, err) == -1 ||
	    ipc_get_u32(&m, &once, err) == -1 ||
	    ipc_get_u32(&m, &alone, err) == -1 ||
	    ipc_get_u32(&m, &keys, err) == -1 ||
	    ipc_get_u32(&m, &router, err) == -1 ||
	    ipc_get_u32(&m, &s->nonly, err) == -1)
		return -1;
	if (s->nonly > WATCH_NAMES)
		return err_set(err, ERR_INPUT, "watch: too many recipes");
	for (uint32_t i = 0; i < s->nonly; i++)
		if (ipc_get_str(&m, 256, &s->only[i], err) == -1)
			return -1;
	if (ipc_end(&m, err) == -1)
		return -1;
	s->demo = demo;
	s->once = once;
	s->alone = alone;
	s->keys = keys;
	s->router = router;
	return 0;
}

/* Asks the supervisor; `out` (may be NULL) gets what OK carried. */
static int
ask(uint32_t verb, const struct buf *fields, struct buf *out, struct err *err)
{
	static const struct buf nothing = BUF_INIT;
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	struct span sp;

	if (ipc_send(SOCK, verb, fields ? fields : &nothing, NULL, 0, err) ==
		-1 ||
	    ipc_recv(SOCK, 120000, &m, err) != 1)
		return err_prefix(err, "ask the supervisor");
	if (m.type == WATCH_OK) {
		if (ipc_get_bytes(&m, WATCH_TEXT_MAX, &sp, err) == -1)
			return -1;
		if (out)
			buf_add(out, sp.p, sp.n);
		return 0;
	}
	if (m.type != WATCH_ERROR)
		return err_set(err, ERR_INPUT, "watch: bad answer");
	return ipc_get_err(&m, ERR_SYSTEM, err);
}

/* The database appears once its owner has started. */
static struct db *
reader(const struct watch_setup *s, const char *name, int64_t schema,
    struct err *err)
{
	auto_free char *path = mem_printf("%s/%s", s->state, name);
	int64_t until = time_mono_ms() + FARM_MS;
	struct db *db;

	while ((db = db_open_reader_of(path, schema, err)) == NULL) {
		if (time_mono_ms() > until) {
			err_prefix(err, "%s/%s", s->shown, name);
			return NULL;
		}
		usleep(100000);
	}
	return db;
}

/* Waits for the end of the first cycle begun since `kiln up` started. */
static int
wait_cycle(const struct watch_setup *s, struct db *farm, struct cycle *c,
    struct err *err)
{
	struct show *show = show_open(s->since);
	int got;

	while ((got = cycle_read(farm, s->since, c, err)) == 0 ||
	       (got == 1 && c->finished_at == 0)) {
		show_progress(show, farm);
		usleep(got == 0 ? 100000 : 250000);
	}
	show_close(show);
	return got;
}

static int
give_keys(struct db *farm, struct err *err)
{
	auto_buf struct buf names = BUF_INIT, fields = BUF_INIT;
	uint32_t n;

	if (services_read(farm, &names, &n, err) == -1)
		return -1;
	ipc_add_u32(&fields, n);
	buf_add(&fields, names.data, names.len);
	return ask(WATCH_KEYS, &fields, NULL, err);
}

static int
wait_published(struct db *tuf, int64_t cycle, struct err *err)
{
	int64_t until = time_mono_ms() + PUBLISH_MS, served;

	for (;;) {
		if (published_cycle(tuf, &served, err) == -1)
			return -1;
		if (served >= cycle)
			return 0;
		if (time_mono_ms() > until)
			return err_set(err, ERR_BUSY,
			    "kiln-tuf has not looked at cycle %lld after %d "
			    "s; see log/kiln-tuf.log",
			    (long long)cycle, PUBLISH_MS / 1000);
		usleep(200000);
	}
}

/* Until the router runs the set `counter`, or says why it does not. */
static int
wait_router(int64_t counter, struct router *r, struct err *err)
{
	int64_t until = time_mono_ms() + ROUTER_MS;
	char said[sizeof(r->phase)] = "";

	for (;;) {
		auto_buf struct buf text = BUF_INIT;
		struct err not_yet = ERR_INIT;

		if (ask(WATCH_STATUS, NULL, &text, &not_yet) == 0 &&
		    router_parse(text.data, text.len, r, &not_yet) == 0) {
			if (r->committed && r->well && r->counter >= counter)
				return 0;
			if (r->bad_counter >= counter)
				return err_set(err, ERR_SYSTEM,
				    "the router went back from set %lld: %s",
				    (long long)counter, r->cause);
			if (strcmp(said, r->phase) != 0) {
				fprintf(stderr, "router   %s\n", r->phase);
				snprintf(said, sizeof(said), "%s", r->phase);
			}
		}
		if (time_mono_ms() > until)
			return err_set(err, ERR_BUSY,
			    "the router does not run set %lld after %d s: %s",
			    (long long)counter, ROUTER_MS / 1000,
			    r->phase[0] ? r->phase : not_yet.msg);
		usleep(300000);
	}
}

static int
watch_router(int64_t counter, const char **step, struct err *err)
{
	struct router r = { 0 };
	auto_buf struct buf answer = BUF_INIT, fields = BUF_INIT;

	*step = "router";
	if (counter == 0)
		return err_set(err, ERR_MISSING,
		    "no set is published, so the router has nothing to run");
	if (ask(WATCH_ROUTER, NULL, NULL, err) == -1 ||
	    wait_router(counter, &r, err) == -1)
		return -1;
	show_router(&r);
	*step = "query";
	ipc_add_str(&fields, r.address);
	ipc_add_str(&fields, "router.lan");
	if (ask(WATCH_QUERY, &fields, &answer, err) == -1)
		return -1;
	return show_answer(&r, answer.data, err);
}

static int
watch_publish(const struct watch_setup *s, struct db *farm, int64_t cycle,
    const char **step, struct err *err)
{
	struct published p = { 0 };

	*step = "keys";
	if (!s->demo && !s->keys) {
		fprintf(stderr,
		    "keys     none yet: run `kiln-tuf init --state %s`; "
		    "nothing "
		    "is published before\n",
		    s->shown);
		return 0;
	}
	if (s->demo && give_keys(farm, err) == -1)
		return -1;
	*step = "publish";
	auto_db struct db *tuf = reader(s, "tuf.db", TUF_SCHEMA, err);
	if (tuf == NULL || wait_published(tuf, cycle, err) == -1 ||
	    show_published(tuf, s, &p, err) == -1)
		return -1;
	if (s->demo && s->router)
		return watch_router(p.counter, step, err);
	return 0;
}

/* Of `kiln build`: did all that was asked for come out equal? */
static int
judge(const struct watch_setup *s, struct db *farm, bool *differs,
    struct err *err)
{
	for (uint32_t i = 0; i < s->nonly; i++) {
		char what[32];

		if (built_read(farm, s->only[i], what, sizeof(what), err) == -1)
			return -1;
		if (strcmp(what, "reproduced") == 0)
			continue;
		*differs = strcmp(what, "differs") == 0;
		return err_set(err, ERR_SYSTEM,
		    "%s: %s; `kiln why %s` and `kiln builds` say more",
		    s->only[i], what, s->only[i]);
	}
	return 0;
}

/* One step after the other; `step` names the one that failed. */
static int
conduct(const struct watch_setup *s, const char **step, bool *differs,
    struct err *err)
{
	struct cycle c = { 0 };

	*step = "build";
	auto_db struct db *farm = reader(s, "farm.db", FARM_SCHEMA, err);
	if (farm == NULL || wait_cycle(s, farm, &c, err) == -1)
		return -1;
	/* A recipe that failed leaves the others; this stopped all of them. */
	if (c.error[0] != '\0')
		return err_set(err, ERR_SYSTEM, "%s", c.error);
	if (show_builds(farm, &c, err) == -1)
		return -1;
	if (!s->alone && watch_publish(s, farm, c.id, step, err) == -1)
		return -1;
	show_work(&c, s->since);
	*step = "build";
	if (c.failed > 0)
		return err_set(err, ERR_SYSTEM,
		    "%lld recipes did not come out; the lines above say why",
		    (long long)c.failed);
	if (s->alone && judge(s, farm, differs, err) == -1)
		return -1;
	*step = "end";
	return ask(WATCH_READY, NULL, NULL, err);
}

int
watch_main(void)
{
	struct watch_setup s = { 0 };
	struct err err = ERR_INIT;
	const char *step = "start";
	bool differs = false;

	/* What happens from here on only reads. */
	if (drop_to(ROLE_CLI, &err) == -1 || setup_get(&s, &err) == -1)
		return cli_fail("kiln", &err, false);
	if (conduct(&s, &step, &differs, &err) == -1) {
		fprintf(stderr, "kiln %s: step %s failed: %s (cause=%s)\n",
		    s.alone ? "build" : "up", step, err.msg, err_cause(&err));
		if (s.once)
			return differs ? EXIT_DIFFERS : err_exit(&err);
		fprintf(stderr,
		    "kiln up: staying up with what was published before; "
		    "%s shows more; Ctrl-C ends\n",
		    s.url);
		return 0;
	}
	if (!s.once)
		fprintf(stderr, "\nkiln is up: %s   (Ctrl-C ends)\n", s.url);
	return 0;
}
