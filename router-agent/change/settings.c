#include "router-agent/change/settings.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf_schema.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/agent.h"
#include "router-agent/change/beside.h"
#include "router-agent/change/settings_file.h"
#include "router-agent/change/switch.h"
#include "router-agent/machine/watch.h"

#define GRACE_MS 3000 /* for the machine to switch itself off */

/* --- what is kept -------------------------------------------------------- */

void
settings_open(struct agent *a)
{
	a->settings = mem_zero(a->conf.nservices + 1, sizeof(*a->settings));
	for (size_t i = 0; i < a->conf.nservices; i++) {
		struct agent_service *c = &a->conf.services[i];
		struct setting *s = &a->settings[i];
		struct err err = ERR_INIT;

		s->mine = json_incref(c->config);
		if (!agent_conf_settable(&a->conf, c->name))
			continue;
		if (setting_load(a, i, &err) == -1)
			snprintf(s->why, sizeof(s->why), "%.200s", err.msg);
		if (s->why[0])
			log_warn("settings", "service=%s why=\"%s\"", c->name,
			    s->why);
	}
	settings_suit(a);
}

/* The last of those who have it ends it. */
static void
forget(struct setting_file **file)
{
	if (*file && --(*file)->users == 0) {
		agent_conf_release(&(*file)->conf);
		free(*file);
	}
	*file = NULL;
}

void
settings_close(struct agent *a)
{
	for (size_t i = 0; a->settings && i < a->conf.nservices; i++) {
		forget(&a->settings[i].fresh);
		forget(&a->settings[i].file);
		json_decref(a->settings[i].mine);
		json_decref(a->settings[i].before);
		json_decref(a->settings[i].earlier);
	}
	free(a->settings);
	a->settings = NULL;
	setting_word_release(&a->setting);
}

static int
fits(const struct agent_service *c, const struct setting *s,
    const struct set *set, struct err *err)
{
	const struct set_service *v = set ? set_service(set, c->name) : NULL;

	return !v || json_equal(c->config, s->mine)
		   ? 0
		   : setting_fits(c->config, c->name, v->config, err);
}

void
settings_suit(struct agent *a)
{
	for (size_t i = 0; i < a->conf.nservices; i++) {
		struct agent_service *c = &a->conf.services[i];
		struct setting *s = &a->settings[i];
		struct err err = ERR_INIT;

		if (fits(c, s, a->state.current, &err) == 0)
			continue;
		json_decref(c->config);
		c->config = json_incref(s->mine);
		json_decref(s->before);
		s->before = NULL;
		snprintf(s->why, sizeof(s->why),
		    "what runs does not understand it: %.180s", err.msg);
		log_warn("settings", "service=%s state=passed-over why=\"%s\"",
		    c->name, s->why);
	}
}

int
settings_fit(const struct agent *a, const struct set *set, struct err *err)
{
	for (size_t i = 0; a->settings && i < a->conf.nservices; i++) {
		const struct agent_service *c = &a->conf.services[i];

		if (fits(c, &a->settings[i], set, err) == -1)
			return err_prefix(
			    err, "settings/%s, of the router's page", c->name);
	}
	return 0;
}

/* --- answers ------------------------------------------------------------- */

static const char *
state_of(const struct setting *s)
{
	return s->until != 0 ? "trial" : s->why[0] ? "undone" : "kept";
}

static json_t *
changed(const json_t *mine, const json_t *now)
{
	json_t *list = json_array();
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)now, key, value)
	{
		if (!json_equal(value, json_object_get(mine, key)))
			json_array_append_new(list, json_string(key));
	}
	json_object_foreach((json_t *)mine, key, value)
	{
		if (!json_object_get(now, key))
			json_array_append_new(list, json_string(key));
	}
	return list;
}

json_t *
settings_status(const struct agent *a, const char *service)
{
	const struct agent_service *c = agent_conf_service(&a->conf, service);
	const struct setting *s;
	json_t *j;

	if (!c || !a->settings)
		return json_null();
	s = &a->settings[c - a->conf.services];
	if (s->fresh || (!s->before && !s->why[0]))
		return json_null();
	j = json_object();
	js_set_str(j, "state", state_of(s));
	js_set_str(j, "why", s->why);
	js_set(j, "changed", changed(s->mine, c->config));
	return j;
}

static json_t *
services_json(const struct agent *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->conf.nservices; i++) {
		const struct agent_service *c = &a->conf.services[i];
		const struct setting *s = &a->settings[i];
		json_t *j;

		if (!agent_conf_settable(&a->conf, c->name))
			continue;
		j = json_object();
		js_set_str(j, "service", c->name);
		js_set_str(j, "state", state_of(s));
		js_set_str(j, "why", s->why);
		js_set_bool(j, "back", s->before != NULL);
		js_set(j, "config", json_incref(c->config));
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *
router_json(const struct agent *a)
{
	const struct set *set = a->state.current;
	json_t *j = json_object();

	js_set_str(j, "phase", phase_name(a->phase));
	js_set_str(j, "error", a->error);
	js_set_str(j, "channel", a->conf.channel);
	js_set_int(j, "set", set ? set->counter : 0);
	return j;
}

/* `said`: what became of what it asked for.  Without the configs where the
 * machine's port does not take as much at once. */
static void
write_answer(const struct agent *a, const char *token, const char *said,
    bool configs, struct buf *line)
{
	auto_json json_t *j = js_record_new("kiln/settings", 1);
	auto_buf struct buf text = BUF_INIT;
	auto_free char *coded = NULL;
	size_t room;

	js_set_str(j, "answer", said);
	js_set(j, "router", router_json(a));
	js_set(j, "services", configs ? services_json(a) : json_array());
	js_text(j, false, &text);
	room =
	    sodium_base64_ENCODED_LEN(text.len, sodium_base64_VARIANT_ORIGINAL);
	coded = mem_zero(room, 1);
	sodium_bin2base64(coded, room, (const unsigned char *)text.data,
	    text.len, sodium_base64_VARIANT_ORIGINAL);
	buf_printf(line, "settings %s %s\n", token, coded);
}

static void
answer(struct agent *a, struct vm *vm, const char *token, const char *said)
{
	auto_buf struct buf line = BUF_INIT;
	struct err err = ERR_INIT;

	write_answer(a, token, said, true, &line);
	if (line.len > WATCH_TELL_MAX) {
		buf_clear(&line);
		write_answer(a, token,
		    "the settings are more than this page can be told", false,
		    &line);
	}
	if (vm_tell(vm, &line, &err) == -1)
		log_err("settings", &err);
}

/* --- changes ------------------------------------------------------------- */

static struct machine *
machine_of(struct agent *a, const char *service)
{
	const struct set *set = a->live.set;

	for (size_t i = 0; set && i < set->nservices; i++)
		if (strcmp(set->services[i].name, service) == 0)
			return &a->live.at[i];
	return NULL;
}

/* Started again by machines_step, with what the config says now. */
static void
restart(struct agent *a, struct machine *m)
{
	if (!m || !m->wanted)
		return;
	machine_stop(a, m, GRACE_MS);
	m->staged = false;
	m->good = m->bad = m->ends = 0;
	m->retry_at = 0;
}

static void
begin(struct agent_service *c, struct setting *s, json_t *config)
{
	s->earlier = s->before;
	s->before = c->config;
	c->config = json_incref(config);
	s->until = time_mono_ms() + SETTINGS_TRIAL_MS;
	s->why[0] = '\0';
}

static void
undo(struct agent_service *c, struct setting *s)
{
	forget(&s->fresh);
	json_decref(c->config);
	c->config = s->before;
	s->before = s->earlier;
	s->earlier = NULL;
	s->until = s->drains = 0;
}

static bool
on_trial(const struct agent *a)
{
	for (size_t i = 0; i < a->conf.nservices; i++)
		if (a->settings[i].until != 0)
			return true;
	return false;
}

void
settings_settle(struct agent *a)
{
	while (a->settings && on_trial(a) && !a->stop)
		agent_wait(a, -1, 1000);
}

static void
go(struct agent *a, const struct agent_service *c)
{
	struct machine *m = machine_of(a, c->name);
	bool beside = m && beside_begin(a, (size_t)(m - a->live.at));

	log_info("settings", "service=%s state=trial beside=%s", c->name,
	    beside ? "yes" : "no");
	if (!beside)
		restart(a, m);
}

/* To who has a page before them, not a file. */
static int
without_place(struct err *err)
{
	const char *p = strstr(err->msg, ": ");

	if (p)
		memmove(err->msg, p + 2, strlen(p + 2) + 1);
	return -1;
}

static int
try(struct agent *a, size_t i, json_t *config, struct err *err)
{
	struct agent_service *c = &a->conf.services[i];
	struct setting *s = &a->settings[i];
	const struct set_service *v =
	    a->live.set ? set_service(a->live.set, c->name) : NULL;

	if (!v)
		return err_set(err, ERR_INPUT, "that service does not run");
	if (json_equal(config, c->config))
		return err_set(err, ERR_INPUT, "nothing is changed by that");
	if (setting_fits(config, c->name, v->config, err) == -1)
		return without_place(err);
	begin(c, s, config);
	if (setting_save(a, i, err) == -1) {
		undo(c, s);
		log_err("settings", err);
		return err_set(err, ERR_SYSTEM, "it could not be written down");
	}
	go(a, c);
	return 0;
}

static bool
busy(const struct agent *a)
{
	return a->next || a->phase == PHASE_STAGING ||
	       a->phase == PHASE_PROBATION || on_trial(a);
}

static int
carry_out(struct agent *a, const struct setting_word *w, struct err *err)
{
	const struct agent_service *c =
	    agent_conf_service(&a->conf, w->service);
	auto_json json_t *config = NULL;
	size_t i;

	if (w->verb == SETTING_ASKED)
		return 0;
	if (!c || !agent_conf_settable(&a->conf, w->service))
		return err_set(err, ERR_INPUT,
		    "that is none of the settings of this page");
	if (w->verb == SETTING_REFUSED)
		return err_set(err, ERR_INPUT, "%s", w->text.data);
	if (busy(a))
		return err_set(
		    err, ERR_BUSY, "not now: another change is under way");
	i = (size_t)(c - a->conf.services);
	if (w->verb == SETTING_BACK)
		config = json_incref(a->settings[i].before);
	else
		config = setting_config(w->text.data, w->text.len, err);
	if (!config && w->verb == SETTING_BACK)
		return err_set(err, ERR_INPUT, "there is none before");
	return config ? try(a, i, config, err) : -1;
}

static void
take_back(struct agent *a, size_t i, const char *why)
{
	struct agent_service *c = &a->conf.services[i];
	struct setting *s = &a->settings[i];
	struct machine *m = machine_of(a, c->name);
	bool beside = m && beside_machine(a, (size_t)(m - a->live.at));
	const char *whose =
	    s->fresh ? "agent.yaml's new config is not kept: " : "";
	struct err err = ERR_INIT;

	undo(c, s);
	snprintf(s->why, sizeof(s->why), "%s%.160s", whose, why);
	/* It may be what a guest said: one printable line. */
	for (char *p = s->why; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	log_warn(
	    "settings", "service=%s state=undone why=\"%s\"", c->name, s->why);
	/* Not written, it is on trial there, and undone at the next start. */
	if (setting_save(a, i, &err) == -1)
		log_err("settings", &err);
	if (beside)
		beside_end(a, (size_t)(m - a->live.at));
	if (!beside || m->vm.state != VM_UP)
		restart(a, m);
}

/* The owner's word is the last, so there is none before it. */
static void
take_over(struct agent_service *c, struct setting *s)
{
	json_decref(s->mine);
	s->mine = json_incref(c->config);
	json_decref(s->before);
	s->before = NULL;
	c->node = agent_conf_service(&s->fresh->conf, c->name)->node;
	forget(&s->file);
	s->file = s->fresh;
	s->fresh = NULL;
}

static void
keep(struct agent *a, size_t i)
{
	struct setting *s = &a->settings[i];
	struct err err = ERR_INIT;

	s->until = s->drains = 0;
	json_decref(s->earlier);
	s->earlier = NULL;
	if (s->fresh)
		take_over(&a->conf.services[i], s);
	log_info("settings", "service=%s state=kept", a->conf.services[i].name);
	if (setting_save(a, i, &err) == -1)
		log_err("settings", &err);
}

/* What it waited for a processor is the host's fault, not the change's. */
static bool
too_late(const struct setting *s, const struct machine *m)
{
	int64_t over = time_mono_ms() - s->until;

	return over >= 0 &&
	       (over >= MACHINE_STARVED_MS || over >= vm_waited_ms(&m->vm));
}

static void
switch_over(struct agent *a, size_t i, size_t at)
{
	struct err err = ERR_INIT;

	if (beside_switch(a, at, &err) == -1)
		take_back(a, i, err.msg);
	else
		a->settings[i].drains = time_mono_ms() + TRIAL_DRAIN_MS;
}

static void
judge(struct agent *a, size_t i)
{
	const struct agent_service *c = &a->conf.services[i];
	struct setting *s = &a->settings[i];
	struct machine *m = machine_of(a, c->name), *next = NULL;
	size_t at = m ? (size_t)(m - a->live.at) : 0;

	if (m && (next = beside_machine(a, at)))
		m = next;
	if (s->drains != 0) {
		if (time_mono_ms() < s->drains)
			return;
		beside_end(a, at);
		keep(a, i);
	} else if (next && m->good >= SETTINGS_ROUNDS)
		switch_over(a, i, at);
	else if (!m || m->good >= SETTINGS_ROUNDS)
		keep(a, i);
	else if (m->ends > 0)
		take_back(a, i, m->fault);
	else if (too_late(s, m))
		take_back(a, i, m->answer[0] ? m->answer : "no answer in time");
}

/* --- agent.yaml again ---------------------------------------------------- */

/* The service there, if its config is another than the owner's last word. */
static const struct agent_service *
rewritten(const struct agent *a, size_t i, const struct agent_conf *file)
{
	const struct agent_service *n =
	    agent_conf_service(file, a->conf.services[i].name);

	return n && !json_equal(n->config, a->settings[i].mine) ? n : NULL;
}

/* All of it, or nothing is begun. */
static int
reread(const struct agent *a, struct agent_conf *file, struct err *err)
{
	if (agent_conf_read(file, a->config, err) == -1)
		return -1;
	for (size_t i = 0; i < a->conf.nservices; i++) {
		const struct agent_service *n = rewritten(a, i, file);
		const struct set_service *v =
		    n && a->live.set ? set_service(a->live.set, n->name) : NULL;

		if (v && conf_schema_fits(
			     n->node, "config", n->name, v->config, err) == -1)
			return -1;
	}
	return 0;
}

void
settings_reload(struct agent *a)
{
	struct setting_file *file = mem_zero(1, sizeof(*file));
	struct err err = ERR_INIT;
	bool good = reread(a, &file->conf, &err) == 0;

	file->users = 1;
	if (!good)
		log_err("reload", &err);
	for (size_t i = 0; good && i < a->conf.nservices; i++) {
		struct agent_service *c = &a->conf.services[i];
		const struct agent_service *n = rewritten(a, i, &file->conf);

		if (!n)
			continue;
		begin(c, &a->settings[i], n->config);
		a->settings[i].fresh = file;
		file->users++;
		go(a, c);
	}
	forget(&file);
}

/* --- words --------------------------------------------------------------- */

int
settings_heard(
    struct agent *a, struct vm *vm, struct ipc_msg *m, struct err *err)
{
	auto_setting struct setting_word w = SETTING_WORD_INIT;
	const struct machine *page;

	if (setting_word_receive(m, &w, err) == -1)
		return -1;
	page =
	    a->conf.page.service ? machine_of(a, a->conf.page.service) : NULL;
	if (!page || &page->vm != vm || !page->on_lan) {
		if (!a->stray) /* once: it may ask without end */
			log_warn("settings",
			    "service=%s msg=\"a machine that is not "
			    "agent.yaml's page asks for settings\"",
			    vm->service);
		a->stray = true;
		return 0;
	}
	/* Its next question comes after an answer: a flood is one word. */
	setting_word_release(&a->setting);
	a->setting = w;
	a->asked = true;
	w.text = (struct buf)BUF_INIT;
	return 0;
}

void
settings_step(struct agent *a)
{
	struct err err = ERR_INIT;
	struct machine *page;
	int done;

	for (size_t i = 0; a->settings && i < a->conf.nservices; i++)
		if (a->settings[i].until != 0)
			judge(a, i);
	if (a->reload && a->settings && !busy(a)) {
		a->reload = false;
		settings_reload(a);
	}
	if (!a->asked)
		return;
	a->asked = false;
	page = machine_of(a, a->conf.page.service);
	if (!page || page->vm.state != VM_UP)
		return;
	done = carry_out(a, &a->setting, &err);
	answer(a, &page->vm, a->setting.token, done == 0 ? "ok" : err.msg);
}
