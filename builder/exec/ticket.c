#include "builder/exec/ticket.h"

#include <stdlib.h>
#include <string.h>

#include "builder/bake/lane.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

#define OUTPUTS_MAX 1000
#define CPU_MAX 40

static const char *const outcomes[] = {
	[HANDIN_SUCCEEDED] = "succeeded",
	[HANDIN_FAILED] = "failed",
	[HANDIN_LOST] = "lost",
};

bool
exec_id_ok(const char *s)
{
	return strlen(s) == EXEC_ID - 1 &&
	       strspn(s, "0123456789abcdef") == EXEC_ID - 1;
}

/* --- what both have --------------------------------------------------------*/

static int
read_lane(const char *what, const json_t *j, char *lane, struct err *err)
{
	const char *s;

	if (js_str(what, j, "lane", &s, err) == -1)
		return -1;
	if (strcmp(s, "A") != 0 && strcmp(s, "B") != 0)
		return err_set(err, ERR_INPUT, "%s: lane: A or B", what);
	*lane = s[0];
	return 0;
}

static int
read_variations(
    const char *what, const json_t *j, unsigned *vary, struct err *err)
{
	const json_t *one;
	json_t *list;
	size_t i;

	*vary = 0;
	if (js_array(what, j, "variations", &list, err) == -1)
		return -1;
	json_array_foreach(list, i, one)
	{
		const char *s = json_string_value(one);
		unsigned bit;

		if (!s || vary_parse(s, &bit, err) == -1)
			return err_set(err, ERR_INPUT,
			    "%s: variations: names of variations", what);
		*vary |= bit;
	}
	return 0;
}

/* --- ticket ----------------------------------------------------------------*/

json_t *
ticket_json(const struct ticket *t)
{
	json_t *j = js_record_new("kiln/ticket", 1), *l = json_object();
	char lane[2] = { t->lane, '\0' };

	js_set_hash(j, "plan", &t->plan);
	js_set_str(j, "lane", lane);
	js_set(j, "variations", lane_varied(t->vary));
	js_set_int(j, "process_memory", t->process_memory);
	js_set_int(l, "wall_ms", t->limits.wall_ms);
	js_set_int(l, "silence_ms", t->limits.silence_ms);
	js_set_int(l, "log", t->limits.log);
	js_set_int(l, "output", t->limits.output);
	js_set_int(l, "disk", t->limits.disk);
	js_set_int(l, "files", t->limits.files);
	js_set_int(l, "memory", t->limits.memory);
	js_set_int(l, "processes", t->limits.processes);
	js_set_int(l, "disk_free", t->limits.disk_free);
	js_set(j, "limits", l);
	return j;
}

static int
read_limits(
    const char *what, const json_t *j, struct limits *l, struct err *err)
{
	static const char *const keys[] = { "wall_ms", "silence_ms", "log",
		"output", "disk", "files", "memory", "processes", "disk_free",
		NULL };
	json_t *m;
	int64_t processes;

	if (js_object(what, j, "limits", &m, err) == -1 ||
	    js_only(what, m, keys, err) == -1 ||
	    js_int(what, m, "wall_ms", 1, JS_INT_MAX, &l->wall_ms, err) == -1 ||
	    js_int(what, m, "silence_ms", 1, JS_INT_MAX, &l->silence_ms, err) ==
		-1 ||
	    js_int(what, m, "log", 1, JS_INT_MAX, &l->log, err) == -1 ||
	    js_int(what, m, "output", 0, JS_INT_MAX, &l->output, err) == -1 ||
	    js_int(what, m, "disk", 1, JS_INT_MAX, &l->disk, err) == -1 ||
	    js_int(what, m, "files", 1, JS_INT_MAX, &l->files, err) == -1 ||
	    js_int(what, m, "memory", 1, JS_INT_MAX, &l->memory, err) == -1 ||
	    js_int(what, m, "processes", 1, 1000000, &processes, err) == -1 ||
	    js_int(what, m, "disk_free", 0, JS_INT_MAX, &l->disk_free, err) ==
		-1)
		return -1;
	l->processes = (int)processes;
	return 0;
}

int
ticket_read(struct ticket *t, const char *what, const void *text, size_t n,
    struct err *err)
{
	static const char *const keys[] = { "kind", "v", "plan", "lane",
		"variations", "process_memory", "limits", NULL };
	auto_json json_t *j = js_record(what, "kiln/ticket", 1, text, n, err);

	*t = (struct ticket){ 0 };
	if (!j || js_only(what, j, keys, err) == -1 ||
	    js_hash(what, j, "plan", &t->plan, err) == -1 ||
	    read_lane(what, j, &t->lane, err) == -1 ||
	    read_variations(what, j, &t->vary, err) == -1 ||
	    js_int(what, j, "process_memory", 1, JS_INT_MAX, &t->process_memory,
		err) == -1)
		return -1;
	return read_limits(what, j, &t->limits, err);
}

/* --- hand-in ---------------------------------------------------------------*/

void
handin_release(struct handin *h)
{
	build_result_release(&h->result);
}

json_t *
handin_json(const struct handin *h)
{
	const struct build_result *r = &h->result;
	json_t *j = js_record_new("kiln/handin", 1), *outputs = json_array();
	json_t *log = json_object();
	char lane[2] = { h->lane, '\0' };

	js_set_str(j, "attempt", h->attempt);
	js_set_hash(j, "ticket", &h->ticket);
	js_set_hash(j, "plan", &h->plan);
	js_set_str(j, "lane", lane);
	js_set_str(j, "node", h->node);
	js_set_str(j, "outcome", outcomes[h->outcome]);
	js_set_str(j, "cause", r->cause);
	js_set_str(j, "message", r->message);
	js_set_hash(j, "environment", &h->environment);
	js_set(j, "machine",
	    r->machine ? json_deep_copy(r->machine) : build_machine());
	js_set(j, "variations", lane_varied(r->vary));
	js_set_int(j, "started", r->started);
	js_set_int(j, "finished", r->finished);
	js_set_int(j, "wall_ms", r->wall_ms);
	js_set_int(j, "cpu_ms", r->cpu_ms);
	js_set_int(j, "max_rss_kib", r->max_rss_kib);
	for (size_t i = 0; i < r->outputs.n; i++) {
		json_t *one = json_object();

		js_set_str(one, "name", r->outputs.v[i].name);
		js_set_hash(one, "sha256", &r->outputs.v[i].sha256);
		js_set_int(one, "size", r->outputs.v[i].size);
		json_array_append_new(outputs, one);
	}
	js_set(j, "outputs", outputs);
	js_set_hash(log, "sha256", &r->log);
	js_set_int(log, "size", h->log_size);
	js_set(j, "log", log);
	return j;
}

/* Words of a node that go into our sentences and pages. */
static int
read_text(const char *what, const json_t *j, const char *key, char *out,
    size_t room, struct err *err)
{
	const char *s;

	if (js_str(what, j, key, &s, err) == -1)
		return -1;
	if (strlen(s) >= room)
		return err_set(err, ERR_INPUT, "%s: %s: too long", what, key);
	for (size_t i = 0; i <= strlen(s); i++)
		out[i] = s[i] && ((unsigned char)s[i] < ' ' || s[i] == 127)
			     ? '?'
			     : s[i];
	return 0;
}

static int
read_machine(
    const char *what, const json_t *j, struct build_result *r, struct err *err)
{
	static const char *const keys[] = { "cpu", "kernel", "cores", NULL };
	char cpu[CPU_MAX], kernel[CPU_MAX];
	int64_t cores;
	json_t *m;

	if (js_object(what, j, "machine", &m, err) == -1 ||
	    js_only(what, m, keys, err) == -1 ||
	    read_text(what, m, "cpu", cpu, sizeof(cpu), err) == -1 ||
	    read_text(what, m, "kernel", kernel, sizeof(kernel), err) == -1 ||
	    js_int(what, m, "cores", 0, 1000000, &cores, err) == -1)
		return -1;
	r->machine = json_object();
	js_set_str(r->machine, "cpu", cpu);
	js_set_str(r->machine, "kernel", kernel);
	js_set_int(r->machine, "cores", cores);
	return 0;
}

static int
read_outputs(
    const char *what, const json_t *j, struct build_result *r, struct err *err)
{
	static const char *const keys[] = { "name", "sha256", "size", NULL };
	json_t *list;
	size_t n;

	if (js_array(what, j, "outputs", &list, err) == -1)
		return -1;
	n = json_array_size(list);
	if (n > OUTPUTS_MAX)
		return err_set(err, ERR_INPUT, "%s: %zu outputs", what, n);
	r->outputs.v = mem_zero(n + 1, sizeof(*r->outputs.v));
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(list, i);
		struct output *o = &r->outputs.v[i];
		const char *name;

		if (!json_is_object(one))
			return err_set(
			    err, ERR_INPUT, "%s: an output is no object", what);
		if (js_only(what, one, keys, err) == -1 ||
		    js_str(what, one, "name", &name, err) == -1 ||
		    js_hash(what, one, "sha256", &o->sha256, err) == -1 ||
		    js_int(what, one, "size", 0, JS_INT_MAX, &o->size, err) ==
			-1)
			return -1;
		if (!name_ok(name) ||
		    (i > 0 && strcmp(r->outputs.v[i - 1].name, name) >= 0))
			return err_set(err, ERR_INPUT,
			    "%s: outputs have names of files, sorted", what);
		o->name = mem_str(name);
		r->outputs.n++;
	}
	return 0;
}

static int
read_outcome(
    const char *what, const json_t *j, struct handin *h, struct err *err)
{
	const char *s;

	if (js_str(what, j, "outcome", &s, err) == -1)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
		if (strcmp(outcomes[i], s) == 0) {
			h->outcome = (enum handin_outcome)i;
			h->result.succeeded = i == HANDIN_SUCCEEDED;
			return 0;
		}
	return err_set(
	    err, ERR_INPUT, "%s: outcome: succeeded, failed or lost", what);
}

static int
read_times(
    const char *what, const json_t *j, struct build_result *r, struct err *err)
{
	const struct {
		const char *key;
		int64_t *to;
	} all[] = {
		{ "started", &r->started },
		{ "finished", &r->finished },
		{ "wall_ms", &r->wall_ms },
		{ "cpu_ms", &r->cpu_ms },
		{ "max_rss_kib", &r->max_rss_kib },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (js_int(what, j, all[i].key, 0, JS_INT_MAX, all[i].to,
			err) == -1)
			return -1;
	return 0;
}

static int
read_handin(
    const char *what, const json_t *j, struct handin *h, struct err *err)
{
	static const char *const keys[] = { "kind", "v", "attempt", "ticket",
		"plan", "lane", "node", "outcome", "cause", "message",
		"environment", "machine", "variations", "started", "finished",
		"wall_ms", "cpu_ms", "max_rss_kib", "outputs", "log", NULL };
	static const char *const log_keys[] = { "sha256", "size", NULL };
	struct build_result *r = &h->result;
	const char *id;
	json_t *log;

	if (js_only(what, j, keys, err) == -1 ||
	    js_str(what, j, "attempt", &id, err) == -1)
		return -1;
	if (!exec_id_ok(id))
		return err_set(err, ERR_INPUT,
		    "%s: attempt: 32 lower-case hex digits", what);
	memcpy(h->attempt, id, EXEC_ID);
	if (js_hash(what, j, "ticket", &h->ticket, err) == -1 ||
	    js_hash(what, j, "plan", &h->plan, err) == -1 ||
	    read_lane(what, j, &h->lane, err) == -1 ||
	    read_text(what, j, "node", h->node, sizeof(h->node), err) == -1 ||
	    read_outcome(what, j, h, err) == -1 ||
	    read_text(what, j, "cause", r->cause, sizeof(r->cause), err) ==
		-1 ||
	    read_text(what, j, "message", r->message, sizeof(r->message),
		err) == -1 ||
	    js_hash(what, j, "environment", &h->environment, err) == -1 ||
	    read_machine(what, j, r, err) == -1 ||
	    read_variations(what, j, &r->vary, err) == -1 ||
	    read_times(what, j, r, err) == -1 ||
	    read_outputs(what, j, r, err) == -1 ||
	    js_object(what, j, "log", &log, err) == -1 ||
	    js_only(what, log, log_keys, err) == -1 ||
	    js_hash(what, log, "sha256", &r->log, err) == -1 ||
	    js_int(what, log, "size", 0, JS_INT_MAX, &h->log_size, err) == -1)
		return -1;
	if (h->outcome != HANDIN_SUCCEEDED && r->outputs.n > 0)
		return err_set(err, ERR_INPUT,
		    "%s: outputs of a build that did not succeed", what);
	return 0;
}

int
handin_read(struct handin *h, const char *what, const void *text, size_t n,
    struct err *err)
{
	auto_json json_t *j = js_record(what, "kiln/handin", 1, text, n, err);

	*h = (struct handin){ 0 };
	if (j && read_handin(what, j, h, err) == 0)
		return 0;
	handin_release(h);
	*h = (struct handin){ 0 };
	return -1;
}
