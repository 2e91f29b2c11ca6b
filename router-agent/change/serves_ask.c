/* The new machine, beside the LAN, asked as the old image would be. */
#include "lib/log.h"
#include "router-agent/agent.h"
#include "router-agent/change/serves.h"

#define ROUND_MS 1000 /* one round of questions */
#define ROUNDS 5

/* 1: it answers all; 0: not, and `text` says what. */
static int
round_of(struct agent *a, const struct machine *m,
    const struct set_service *questions, char text[PROBE_TEXT], struct err *err)
{
	const struct agent_service *c =
	    agent_conf_service(&a->conf, m->vm.service);
	struct probe_run p = PROBE_RUN_INIT;
	int got = -1;

	if (probe_start(&p, questions, c->config, a->conf.bridge, c->address,
		a->conf.lan_address, m->vm.tap, ROUND_MS, err) == -1)
		return -1;
	while (got == -1 && !a->stop) {
		agent_wait(a, p.sock, ROUND_MS);
		got = probe_result(&p, text);
	}
	probe_stop(&p);
	return got == 1;
}

static int
asked(struct trial *t, const struct machine *m, const struct set_service *o,
    const struct set_service *n)
{
	struct set_service questions;
	char text[PROBE_TEXT] = "";
	struct err err = ERR_INIT;
	int got = 0;

	serves_questions(o, n, &questions);
	if (questions.nprobes == 0)
		return 0;
	for (int i = 0; got == 0 && i < ROUNDS && !t->a->stop; i++)
		got = round_of(t->a, m, &questions, text, &err);
	if (t->a->stop)
		return trial_fail(t, "stopped", "the agent was stopped");
	if (got == -1)
		return trial_fail(t, "start", "%s", err.msg);
	log_info("serves", "service=%s questions=%zu good=%d", n->name,
	    questions.nprobes, got);
	if (got == 1)
		return 0;
	return trial_fail(t, SERVES_LESS,
	    "%s %.40s serves less than %.40s, which runs: %s", n->name,
	    n->version, o->version, text);
}

int
serves_asked(struct trial *t)
{
	const struct set *set = t->a->live.set;

	for (size_t i = 0; set && i < t->set->nservices; i++) {
		const struct set_service *n = &t->set->services[i];
		const struct set_service *o = set_service(set, n->name);
		const struct machine *m = trial_old(t, n->name);

		/* What the old one does not do itself is not lost. */
		if (trial_is_new(t, i) && o && m && m->good > 0 &&
		    asked(t, &t->a->next->at[i], o, n) == -1)
			return -1;
	}
	return 0;
}
