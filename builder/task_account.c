/*
 * The ledger's lower limit (least work for tasks that are black boxes): an
 * output that is new needs its two runs; one that stays needs the one that
 * confirms it; a plan that fails, the one that showed it; what is known,
 * none.  What a builder that was killed had done counts for its own cycle.
 */
#include <string.h>

#include "builder/task.h"
#include "lib/own.h"

int
task_account(struct builder *b, const struct task *t, int64_t cycle,
    int64_t *needed, struct err *err)
{
	auto_buf struct buf reason = BUF_INIT;
	int64_t good = t->executed - t->lost, most = good, event = t->event;
	bool same = false;

	if (t->executed + t->audited == 0)
		return 0;
	if (t->replaces && strcmp(t->verdict, "reproduced") == 0 &&
	    ledger_same_outputs(
		b->db, &t->before, &t->plan->digest, &same, err) == -1)
		return -1;
	if (same && good > 1) {
		most = 1;
		buf_str(&reason,
		    "its output is the one that stood before, which lane A "
		    "alone had confirmed; lane B ran for the record");
	} else if (strcmp(t->verdict, "failed") == 0 && good > 1) {
		most = 1;
		buf_str(&reason, "lane B had started before lane A failed");
	}
	if (t->lost)
		buf_printf(&reason,
		    "%s%lld %s lost: the machine failed, or "
		    "kiln-builder was told to stop",
		    reason.len ? "; " : "", (long long)t->lost,
		    t->lost == 1 ? "run was" : "runs were");
	if (t->audited)
		buf_printf(&reason,
		    "%saudit: a random share of what was skipped runs again",
		    reason.len ? "; " : "");
	if (!event)
		event = ledger_standing_event(b->db, t->recipe->name, t->stage);
	*needed += most;
	return ledger_cycle_task(b->db, cycle, &t->plan->digest,
	    t->executed + t->audited, most, reason.len ? reason.data : NULL,
	    event, err);
}
