#include "router-agent/owner/status.h"

#include <stdio.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/agent.h"

#define RUN_DIR "run/kiln-agent"

int
status_dir(const char *state, bool make, struct err *err)
{
	auto_fd int root = dir_open("/", err);
	char hex[HASH_HEX], path[sizeof(RUN_DIR) + HASH_HEX];
	struct hash h;

	if (root == -1)
		return -1;
	hash_bytes(&h, state, strlen(state));
	hash_hex(&h, hex);
	snprintf(path, sizeof(path), RUN_DIR "/%.16s", hex);
	return make ? dir_make_at(root, path, 0755, err)
		    : dir_open_at(root, path, err);
}

static json_t *
set_short(const struct set *s)
{
	json_t *j;

	if (!s)
		return json_null();
	j = json_object();
	js_set_int(j, "counter", s->counter);
	js_set_hash(j, "sha256", &s->sha256);
	return j;
}

static void
set_time(json_t *j, const char *key, int64_t at)
{
	char text[TIME_TEXT];

	if (at == 0) {
		js_set(j, key, json_null());
		return;
	}
	time_text(at, text);
	js_set_str(j, key, text);
}

/* Answers and causes may hold what a guest said: one printable line. */
static void
set_tame(json_t *j, const char *key, const char *text)
{
	auto_buf struct buf b = BUF_INIT;

	for (; *text; text++)
		buf_char(&b,
		    (unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text);
	js_set_str(j, key, b.data);
}

static json_t *
service_status(const struct agent *a, const struct set *set, size_t i,
    const struct machine *m)
{
	const struct set_service *s = &set->services[i];
	const struct agent_service *c = agent_conf_service(&a->conf, s->name);
	json_t *j = json_object();

	js_set_str(j, "service", s->name);
	js_set_str(j, "version", s->version);
	js_set_hash(j, "image", &s->image.hash);
	js_set_int(j, "keys", s->keys);
	js_set_str(j, "address", c ? c->address : "");
	js_set_str(
	    j, "state", !c ? "not configured" : vm_state_name(m->vm.state));
	js_set_bool(j, "well", m->good > 0);
	set_tame(j, "answer", m->answer);
	set_tame(j, "fault", m->fault);
	js_set_int(j, "memory", m->memory);
	js_set_int(j, "cpu_ms", m->cpu_ms);
	js_set_int(j, "restarts", m->restarts);
	js_set(j, "page", settings_status(a, s->name));
	return j;
}

static json_t *
bad_sets(const struct state *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->nbad; i++) {
		json_t *b = json_object();

		js_set_int(b, "counter", s->bad[i].counter);
		js_set_hash(b, "sha256", &s->bad[i].sha256);
		js_set_str(b, "cause", s->bad[i].cause);
		set_tame(b, "text", s->bad[i].text);
		set_time(b, "at", s->bad[i].at);
		json_array_append_new(list, b);
	}
	return list;
}

static json_t *
service_list(const struct agent *a, const struct machines *m)
{
	json_t *list = json_array();

	for (size_t i = 0; m && m->set && i < m->set->nservices; i++)
		json_array_append_new(
		    list, service_status(a, m->set, i, &m->at[i]));
	return list;
}

json_t *
status_json(const struct agent *a)
{
	json_t *j = js_record_new("kiln/agent-status", 1);
	const struct set *set = a->live.set;
	/* A machine beside another of the same set is none of a trial's. */
	const struct machines *trial =
	    a->next && a->next->set != set ? a->next : NULL;

	js_set_str(j, "phase", phase_name(a->phase));
	js_set_str(j, "cause", a->cause);
	set_tame(j, "error", a->error);
	js_set_str(j, "channel", a->conf.channel);
	js_set_str(j, "arch", a->conf.arch);
	js_set_str(j, "accel", a->accel.kind);
	set_tame(j, "accel_why", a->accel.why);
	js_set_str(j, "switch", a->ports.redirect ? "redirect" : "bridge");
	js_set_str(j, "switch_missing", a->ports.missing);
	js_set(j, "set", set_short(set));
	js_set(j, "previous", set_short(a->state.previous));
	js_set(j, "trial", set_short(trial ? trial->set : NULL));
	js_set(j, "plan",
	    a->planned &&
		    (!set || !hash_equal(&a->planned->sha256, &set->sha256))
		? plan_json(&a->plan, a->state.current, a->planned)
		: json_null());
	js_set(j, "golden", set_short(a->state.golden));
	js_set_int(j, "bad_counter", a->bad_counter);
	js_set(j, "bad", bad_sets(&a->state));
	js_set(j, "services", service_list(a, &a->live));
	js_set(j, "trial_services", service_list(a, trial));
	js_set_str(j, "clock", a->checked ? clock_state_name(a->clock) : NULL);
	set_time(j, "checked", a->checked);
	set_time(j, "next_check", a->next_check);
	js_set_int(j, "checks", a->checks);
	js_set_int(j, "written", traffic_today(&a->traffic, time_now()));
	js_set_int(j, "write_budget", a->conf.write_budget);
	set_time(j, "updated", time_now());
	return j;
}

int
status_write(struct agent *a, struct err *err)
{
	auto_json json_t *j = status_json(a);
	auto_buf struct buf text = BUF_INIT;
	int64_t before = fd_metered();
	int ret;

	if (canon_json(j, &text, err) == -1)
		return -1;
	ret = file_write_at(
	    a->status, STATUS_FILE, text.data, text.len, 0644, err);
	/* It lies below /run, which is memory, whatever else is. */
	a->traffic.metered += fd_metered() - before;
	return ret;
}

static const char *
word(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static long long
number(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

/* "changed on the router's page: hosts, domain (kept)", or why nothing is. */
static void
page_text(const json_t *page, struct buf *b)
{
	const json_t *changed = json_object_get(page, "changed"), *key;
	const char *why = word(page, "why");
	size_t i;

	if (!json_is_object(page))
		return;
	if (json_array_size(changed) == 0) {
		buf_printf(b, "           new settings: %s\n",
		    *why ? why : word(page, "state"));
		return;
	}
	buf_str(b, "           changed on the router's page: ");
	json_array_foreach(changed, i, key)
	    buf_printf(b, "%s%s", i > 0 ? ", " : "", json_string_value(key));
	buf_printf(b, " (%s)\n", *why ? why : word(page, "state"));
}

static void
services_text(
    const json_t *j, const char *key, const char *label, struct buf *b)
{
	const json_t *s;
	size_t i;

	json_array_foreach(json_object_get(j, key), i, s)
	{
		buf_printf(b, "%-10s %s %s at %s, %s: %s\n", label,
		    word(s, "service"), word(s, "version"), word(s, "address"),
		    word(s, "state"),
		    *word(s, "answer") ? word(s, "answer") : "not probed yet");
		buf_printf(b,
		    "           %lld MiB of memory, %lld s of "
		    "processor, started again %lld times\n",
		    number(s, "memory") >> 20, number(s, "cpu_ms") / 1000,
		    number(s, "restarts"));
		if (*word(s, "fault"))
			buf_printf(b, "           started again: %s\n",
			    word(s, "fault"));
		page_text(json_object_get(s, "page"), b);
	}
}

void
status_text(const json_t *j, struct buf *b)
{
	const json_t *set = json_object_get(j, "set"), *s;
	const json_t *bad = json_object_get(j, "bad");
	size_t i;

	buf_printf(b, "phase      %s", word(j, "phase"));
	if (*word(j, "cause"))
		buf_printf(b, " (%s)", word(j, "cause"));
	buf_printf(b, ", at %s\n", word(j, "updated"));
	if (*word(j, "error"))
		buf_printf(b, "why        %s\n", word(j, "error"));
	if (json_is_object(set))
		buf_printf(b, "set        %s/%s %lld, %.12s\n",
		    word(j, "channel"), word(j, "arch"),
		    (long long)json_integer_value(
			json_object_get(set, "counter")),
		    word(set, "sha256"));
	else
		buf_printf(b, "set        none yet, of %s/%s\n",
		    word(j, "channel"), word(j, "arch"));
	buf_printf(
	    b, "accel      %s: %s\n", word(j, "accel"), word(j, "accel_why"));
	if (*word(j, "switch_missing"))
		buf_printf(b, "switch     bridge: there is no %s\n",
		    word(j, "switch_missing"));
	services_text(j, "services", "service", b);
	services_text(j, "trial_services", "on trial", b);
	json_array_foreach(bad, i, s)
	    buf_printf(b, "bad set    %lld (%s): %s\n",
		(long long)json_integer_value(json_object_get(s, "counter")),
		word(s, "cause"), word(s, "text"));
	if (*word(j, "clock") && strcmp(word(j, "clock"), "synced") != 0)
		buf_printf(b,
		    "clock      %s: nothing vouches for the time, so that "
		    "freshness is unproven\n",
		    word(j, "clock"));
	buf_printf(b, "flash      %lld KiB of %lld MiB written today\n",
	    number(j, "written") >> 10, number(j, "write_budget") >> 20);
	buf_printf(b, "checked    %s, again %s\n",
	    *word(j, "checked") ? word(j, "checked") : "never",
	    *word(j, "next_check") ? word(j, "next_check") : "never");
}

void
status_why(const json_t *j, struct buf *b)
{
	const char *next = word(j, "next_check");

	if (*word(j, "error"))
		buf_printf(b, "%s: %s\n", word(j, "cause"), word(j, "error"));
	else if (!*word(j, "checked"))
		buf_str(b, "never: the repository was not asked yet\n");
	else if (strcmp(word(j, "phase"), "committed") == 0)
		buf_printf(b, "newest: what runs is what was offered at %s\n",
		    word(j, "checked"));
	else
		buf_printf(b, "%s: it is under way\n", word(j, "phase"));
	if (*next)
		buf_printf(b, "asked again at %s\n", next);
}
