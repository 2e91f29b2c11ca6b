/* What is offered, and what it would take: without touching a machine. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/cli.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/change/serves.h"
#include "router-agent/machine/accel.h"
#include "router-agent/owner/commands.h"
#include "router-agent/owner/options.h"
#include "router-agent/plan.h"
#include "router-agent/trust/verify.h"

#define VERIFY_MS (20 * 60 * 1000)

struct look {
	struct agent_conf conf;
	struct state_dir dir;
	struct state state;
	struct set *set; /* offered and verified */
	char word[RULES_WORD];
};

static void
look_release(struct look *l)
{
	free(l->set);
	state_release(&l->state);
	state_dir_release(&l->dir);
	agent_conf_release(&l->conf);
}

static void
show(const struct look *l, const struct plan *p, bool json)
{
	const struct set *set = l->set, *current = l->state.current;
	const struct state_bad *bad = state_is_bad(&l->state, &set->sha256);
	bool same = current && hash_equal(&current->sha256, &set->sha256);
	auto_buf struct buf text = BUF_INIT;

	if (json) {
		auto_json json_t *j = json_object();

		js_set(j, "offered", set_json(set));
		js_set_bool(j, "current", same);
		js_set_bool(j, "bad", bad != NULL);
		js_set_str(j, "cause", bad ? bad->cause : NULL);
		js_set_bool(j, "beside", p->beside);
		js_set(j, "plan", plan_json(p, current, set));
		js_text(j, true, &text);
		printf("%s\n", text.data);
		return;
	}
	printf("set %lld of %s/%s is offered%s\n", (long long)set->counter,
	    set->channel, set->arch,
	    same  ? " and runs"
	    : bad ? " and was rolled back before"
		  : "");
	if (bad)
		printf("%s: %s\n", bad->cause, bad->text);
	plan_text(p, current, set, &text);
	fputs(text.data, stdout);
}

static int
look(const struct options *o, struct look *l, struct err *err)
{
	struct verify v = VERIFY_INIT;
	struct plan_host host;
	struct accel accel;
	struct plan plan;
	struct pollfd p;
	int ret;

	if (agent_conf_read(&l->conf, o->config, err) == -1 ||
	    state_dir_open(&l->dir, l->conf.state, err) == -1 ||
	    state_load(l->dir.fd, &l->state, err) == -1 ||
	    verify_start(&v, &l->conf, &l->state, &l->dir, -1, err) == -1)
		return -1;
	p = (struct pollfd){ v.sock, POLLIN, 0 };
	if (poll(&p, 1, VERIFY_MS) != 1)
		ret = err_set(err, ERR_BUSY, "the verifier takes too long");
	else
		ret = verify_result(&v, l->set, l->word, err);
	verify_stop(&v);
	if (ret == -1)
		return -1;
	l->word[0] = '\0';
	accel_choose(&accel, &l->conf, l->dir.fd);
	if (plan_config(&l->conf, l->set, err) == -1)
		return -1;
	if (plan_host(&host, l->dir.fd, l->dir.store, l->dir.volumes,
		accel.kind, l->conf.state_copy, err) == -1 ||
	    plan_unikernels(&l->conf, l->set, &host, err) == -1 ||
	    plan_make(l->state.current, l->set, &host, &plan, err) == -1)
		return -1;
	if (serves_said(l->state.current, l->set, err) == -1) {
		snprintf(l->word, sizeof(l->word), SERVES_LESS);
		return -1;
	}
	show(l, &plan, o->json);
	return 0;
}

static void show_planned(const json_t *plan, const json_t *status, bool json);

static int64_t
checks(const json_t *status)
{
	return json_integer_value(json_object_get(status, "checks"));
}

/* What the agent that works says of what is offered. */
static int
told(const json_t *status, bool json, struct err *err)
{
	const char *phase = json_string_value(json_object_get(status, "phase"));
	const char *cause = json_string_value(json_object_get(status, "cause"));
	const char *why = json_string_value(json_object_get(status, "error"));
	const json_t *plan = json_object_get(status, "plan");

	if (phase && why && cause &&
	    (strcmp(cause, "config") == 0 || strcmp(cause, "tender") == 0))
		return err_set(err, ERR_INPUT, "%.220s", why);
	if (phase && why && strcmp(phase, "refused") == 0)
		return err_set(err, ERR_TRUST, "refused (%.30s): %.200s",
		    cause ? cause : "", why);
	if (phase && why && strcmp(phase, "failed") == 0)
		return err_set(err, ERR_BUSY, "%.220s", why);
	if (json_is_object(plan))
		show_planned(plan, status, json);
	else if (json)
		printf("{\"current\":true}\n");
	else
		printf("nothing newer is offered\n");
	return 0;
}

/* Is there an agent that works on the folder?  A first use has no folder. */
static int
works(const struct options *o, int64_t *pid, struct err *err)
{
	auto_agent_conf struct agent_conf conf = { 0 };

	if (agent_conf_read(&conf, o->config, err) == -1)
		return -1;
	if (state_dir_holder(conf.state, pid, err) == 0)
		return 1;
	if (err->cls != ERR_MISSING)
		return -1;
	err_clear(err);
	return 0;
}

/* One works there: it asks, and its answer is waited for. */
static int
ask_worker(const struct options *o, int64_t pid, struct err *err)
{
	const struct timespec nap = { .tv_nsec = 100 * 1000 * 1000 };
	int64_t until = time_mono_ms() + VERIFY_MS, before;
	auto_json json_t *status = options_status(o, err);

	if (!status)
		return -1;
	before = checks(status);
	if (kill((pid_t)pid, SIGUSR1) == -1)
		return err_sys(err, "ask process %lld", (long long)pid);
	while (time_mono_ms() < until) {
		const char *phase;

		json_decref(status);
		status = options_status(o, err);
		if (!status)
			return -1;
		if (checks(status) != before)
			return told(status, o->json, err);
		phase = json_string_value(json_object_get(status, "phase"));
		if (phase && (strcmp(phase, "staging") == 0 ||
				 strcmp(phase, "probation") == 0))
			return err_set(err, ERR_BUSY,
			    "process %lld tries a set (%s): kiln-agent status "
			    "says how it goes",
			    (long long)pid, phase);
		nanosleep(&nap, NULL);
	}
	return err_set(
	    err, ERR_BUSY, "process %lld does not answer", (long long)pid);
}

int
cmd_check(int argc, char **argv)
{
	struct look l = { .dir = STATE_DIR_NONE };
	struct err err = ERR_INIT;
	struct options o;
	int64_t pid;
	int ret = options_parse(argc, argv, &o);

	if (ret != 0)
		return ret;
	ret = works(&o, &pid, &err);
	if (ret == 1)
		return ask_worker(&o, pid, &err) == -1
			   ? cli_fail(o.where, &err, o.json)
			   : EXIT_DONE;
	if (ret == -1)
		return cli_fail(o.where, &err, o.json);
	l.set = mem_zero(1, sizeof(*l.set));
	if (look(&o, &l, &err) == -1) {
		if (*l.word)
			err_prefix(&err, "refused (%s)", l.word);
		ret = cli_fail(o.where, &err, o.json);
	}
	look_release(&l);
	return ret;
}

/* --- plan ---------------------------------------------------------------- */

static void
show_planned(const json_t *plan, const json_t *status, bool json)
{
	const char *act, *service, *hash;
	const json_t *s;
	size_t i;

	if (json) {
		auto_buf struct buf text = BUF_INIT;

		js_text(plan, true, &text);
		printf("%s\n", text.data);
		return;
	}
	json_array_foreach(json_object_get(plan, "services"), i, s)
	{
		act = json_string_value(json_object_get(s, "act"));
		service = json_string_value(json_object_get(s, "service"));
		printf("%-8s %s\n", act ? act : "", service ? service : "");
	}
	hash = json_string_value(json_object_get(plan, "hash"));
	printf("plan     %s\n", hash ? hash : "");
	act = json_string_value(json_object_get(status, "error"));
	if (act && *act)
		printf("waits    %s\n", act);
}

/* Of the agent that works; where none does, check has the same. */
int
cmd_plan(int argc, char **argv)
{
	auto_agent_conf struct agent_conf conf = { 0 };
	auto_json json_t *status = NULL;
	struct err err = ERR_INIT;
	const json_t *plan;
	struct options o;
	int64_t pid;
	int ret = options_parse(argc, argv, &o);

	if (ret != 0)
		return ret;
	if (agent_conf_read(&conf, o.config, &err) == -1)
		return cli_fail(o.where, &err, o.json);
	if (state_dir_holder(conf.state, &pid, &err) == -1)
		return err.cls == ERR_MISSING ? cmd_check(argc, argv)
					      : cli_fail(o.where, &err, o.json);
	status = options_status(&o, &err);
	if (!status)
		return cli_fail(o.where, &err, o.json);
	plan = json_object_get(status, "plan");
	if (!json_is_object(plan)) {
		err_set(&err, ERR_MISSING, "nothing newer is offered");
		return cli_fail(o.where, &err, o.json);
	}
	show_planned(plan, status, o.json);
	return EXIT_DONE;
}
