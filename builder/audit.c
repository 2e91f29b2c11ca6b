#include "builder/audit.h"

#include <string.h>
#include <sys/random.h>

#include "builder/judge/publish.h"
#include "builder/judge/verdict.h"
#include "builder/progress.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/own.h"

static uint32_t
chance(uint32_t below)
{
	uint32_t r = 0;

	(void)!getrandom(&r, sizeof(r), 0);
	return r % below;
}

/* Something led to it in this cycle, and nothing was run. */
static bool
was_skipped(const struct task *t)
{
	return t->state == TASK_DONE && t->reached && t->executed == 0 &&
	       !t->twin && strcmp(t->verdict, "reproduced") == 0;
}

static int
choose(struct builder *b, struct task *t, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(t->lanes); i++) {
		struct task_lane *l = &t->lanes[i];

		l->name = (char)('A' + i);
		if (ledger_run(b->db, &t->plan->digest, l->name, &l->state,
			&l->id, &l->record, err) == -1)
			return -1;
		if (l->state != RUN_SUCCEEDED)
			return 0;
	}
	t->audit = (struct task_lane){ .name = (char)('A' + chance(2)),
		.state = RUN_QUEUED };
	if (ledger_queue_audit(b->db, &t->plan->digest, t->audit.name,
		&t->audit.id, err) == -1)
		return -1;
	t->state = TASK_AUDITS;
	return 0;
}

int
audit_choose(
    struct builder *b, struct task *tasks, size_t n, bool *any, struct err *err)
{
	*any = false;
	for (size_t i = 0; i < n; i++) {
		struct task *t = &tasks[i];

		if (!was_skipped(t) || chance(100) >= b->audit)
			continue;
		if (choose(b, t, err) == -1)
			return err_prefix(err, "audit");
		*any = *any || t->state == TASK_AUDITS;
	}
	return 0;
}

/* --- its end ------------------------------------------------------------- */

/* Of all three: pure, as every verdict. */
static json_t *
judge(struct builder *b, struct task *t, enum verdict *verdict, struct err *err)
{
	const struct hash *records[] = { &t->lanes[0].record,
		&t->lanes[1].record, &t->audit.record };
	struct verdict_run runs[ARRAY_LEN(records)] = { 0 };
	json_t *j = NULL;
	size_t n = 0;

	while (n < ARRAY_LEN(records)) {
		runs[n].digest = *records[n];
		if (task_load_record(b, records[n], &runs[n].record, err) == -1)
			break;
		n++;
	}
	if (n == ARRAY_LEN(records))
		j = verdict_make(&t->plan->digest, runs, n, verdict, err);
	while (n > 0)
		json_decref(runs[--n].record);
	return j;
}

/* Run, verdict and event at once: no output of a plan that is called
 * reproduced is ever one of two, and no alarm is lost. */
static int
take_back(struct builder *b, struct task *t, const struct work_slot *s,
    enum verdict verdict, const json_t *record, struct err *err)
{
	auto_buf struct buf subject = BUF_INIT, text = BUF_INIT;
	struct ledger_alarm alarm = { .plan = &t->plan->digest,
		.verdict = verdict_name(verdict),
		.parent = t->event };

	if (task_put(b, record, &alarm.verdict_record, err) == -1)
		return -1;
	buf_printf(
	    &subject, "%s/%s", t->recipe->name, recipe_stage_name(t->stage));
	buf_printf(&text,
	    "%s of %s was reproduced, and lane %c run again says otherwise:"
	    " its verdict is %s now, and nothing that holds it is published"
	    " any more; kiln why %lld shows the runs",
	    recipe_stage_name(t->stage), t->recipe->name, t->audit.name,
	    alarm.verdict, (long long)t->audit.id);
	alarm.subject = subject.data;
	alarm.text = text.data;
	if (task_end_run(b, &t->audit, s, &alarm, err) == -1)
		return -1;
	log_warn(
	    "audit-alarm", "subject=%s text=\"%s\"", subject.data, text.data);
	return ledger_verdict(b->db, &t->plan->digest, t->verdict, err);
}

static int
keep(struct builder *b, struct task *t, const struct work_slot *s,
    struct cycle *c, struct err *err)
{
	auto_json json_t *record = NULL;
	enum verdict verdict;

	if (task_put_run(b, s, &t->audit.record, err) == -1)
		return -1;
	record = judge(b, t, &verdict, err);
	if (!record)
		return -1;
	if (verdict != VERDICT_REPRODUCED) {
		c->alarms++;
		if (take_back(b, t, s, verdict, record, err) == -1)
			return -1;
		return publish_withhold(b->db, b->store, err);
	}
	if (task_end_run(b, &t->audit, s, NULL, err) == -1)
		return -1;
	event_add(b->db, "audit-passed", t->recipe->name, t->event,
	    "lane %c of the %s of %s, run again, gave the same bytes",
	    t->audit.name, recipe_stage_name(t->stage), t->recipe->name);
	return 0;
}

int
audit_ended(struct builder *b, struct task *t, struct work_slot *s,
    struct cycle *c, struct err *err)
{
	t->audit.active = false;
	t->state = TASK_DONE;
	t->audited++;
	if (s->rc == -1 || s->result.stopped) {
		/* It proves nothing, and nothing waits for it. */
		return ledger_lose(b->db, t->audit.id,
		    s->rc == 0 ? "stopped" : err_cause(&s->err),
		    s->rc == 0 ? s->result.message : s->err.msg, err);
	}
	t->audit.state = s->result.succeeded ? RUN_SUCCEEDED : RUN_FAILED;
	if (keep(b, t, s, c, err) == -1)
		return err_prefix(err, "audit of %s", t->recipe->name);
	return 0;
}
