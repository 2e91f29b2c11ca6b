#include "builder/audit.h"

#include <string.h>
#include <sys/random.h>

#include "builder/judge/attest.h"
#include "builder/judge/publish.h"
#include "builder/judge/verdict.h"
#include "builder/progress.h"
#include "lib/canon.h"
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

struct finding {
	enum verdict verdict;
	json_t *record;
	struct hash digest; /* of the record */
	struct attest_rows said;
};

static void
finding_release(struct finding *f)
{
	json_decref(f->record);
	attest_rows_release(&f->said);
}

static struct attest
about(const struct task *t, const struct finding *f)
{
	return (struct attest){ t->plan, t->lock, f->record, &f->digest };
}

static int
find(struct builder *b, const struct task *t, const struct verdict_run *runs,
    size_t n, struct finding *f, struct err *err)
{
	struct attest a;

	f->record = verdict_make(&t->plan->digest, runs, n, &f->verdict, err);
	if (!f->record || canon_hash(f->record, &f->digest, err) == -1)
		return -1;
	a = about(t, f);
	return attest_store(b->store, &a, runs, n, &f->said, err);
}

/* Of all three: pure, as every verdict. */
static int
judge(struct builder *b, struct task *t, struct finding *f, struct err *err)
{
	const struct hash *records[] = { &t->lanes[0].record,
		&t->lanes[1].record, &t->audit.record };
	struct verdict_run runs[ARRAY_LEN(records)] = { 0 };
	size_t n = 0;
	int rc = -1;

	while (n < ARRAY_LEN(records)) {
		runs[n].digest = *records[n];
		if (task_load_record(b, records[n], &runs[n].record, err) == -1)
			break;
		n++;
	}
	if (n == ARRAY_LEN(records))
		rc = find(b, t, runs, n, f, err);
	while (n > 0)
		json_decref(runs[--n].record);
	return rc;
}

/* The run, and what is said of all three now. */
static int
end_run(struct builder *b, struct task *t, const struct work_slot *s,
    const struct ledger_alarm *alarm, const struct finding *f, struct err *err)
{
	struct attest a = about(t, f);

	if (db_begin(b->db, err) == -1)
		return -1;
	if (task_end_run(b, &t->audit, s, alarm, err) == -1 ||
	    attest_list(b->db, &a, &f->said, err) == -1 ||
	    db_commit(b->db, err) == -1) {
		db_rollback(b->db);
		return -1;
	}
	return 0;
}

/* Run, verdict and event at once: no output of a plan that is called
 * reproduced is ever one of two, and no alarm is lost. */
static int
take_back(struct builder *b, struct task *t, const struct work_slot *s,
    const struct finding *f, struct err *err)
{
	auto_buf struct buf subject = BUF_INIT, text = BUF_INIT;
	struct ledger_alarm alarm = { .plan = &t->plan->digest,
		.verdict = verdict_name(f->verdict),
		.parent = t->event };

	if (task_put(b, f->record, &alarm.verdict_record, err) == -1)
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
	if (end_run(b, t, s, &alarm, f, err) == -1)
		return -1;
	log_warn(
	    "audit-alarm", "subject=%s text=\"%s\"", subject.data, text.data);
	return ledger_verdict(b->db, &t->plan->digest, t->verdict, err);
}

static int
conclude(struct builder *b, struct task *t, const struct work_slot *s,
    struct cycle *c, const struct finding *f, struct err *err)
{
	if (f->verdict != VERDICT_REPRODUCED) {
		c->alarms++;
		if (take_back(b, t, s, f, err) == -1)
			return -1;
		return publish_withhold(b->db, b->store, err);
	}
	if (end_run(b, t, s, NULL, f, err) == -1)
		return -1;
	event_add(b->db, "audit-passed", t->recipe->name, t->event,
	    "lane %c of the %s of %s, run again, gave the same bytes",
	    t->audit.name, recipe_stage_name(t->stage), t->recipe->name);
	return 0;
}

static int
keep(struct builder *b, struct task *t, const struct work_slot *s,
    struct cycle *c, struct err *err)
{
	struct finding f = { .said = ATTEST_ROWS_INIT };
	int rc = -1;

	if (task_put_run(b, s, &t->audit.record, err) == 0 &&
	    judge(b, t, &f, err) == 0)
		rc = conclude(b, t, s, c, &f, err);
	finding_release(&f);
	return rc;
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
		    s->rc == -1	   ? err_cause(&s->err)
		    : t->cancelled ? "cancelled"
				   : "stopped",
		    s->rc == -1	   ? s->err.msg
		    : t->cancelled ? t->cancelled
				   : s->result.message,
		    err);
	}
	t->audit.state = s->result.succeeded ? RUN_SUCCEEDED : RUN_FAILED;
	if (keep(b, t, s, c, err) == -1)
		return err_prefix(err, "audit of %s", t->recipe->name);
	return 0;
}
