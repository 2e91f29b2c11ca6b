#include "tuf-repo/alarm.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/log.h"
#include "lib/own.h"

bool
alarm_text(const char *role, int64_t expires, int64_t now, struct buf *out)
{
	const struct rule *rule = rule_of(role);
	int64_t left = expires - now, days = left / DAY;

	if (!rule || !rule_alarming(rule, left))
		return false;
	buf_printf(out, "%s %s %lld day%s: %s%s", role,
	    left < 0 ? "ended, by" : "ends in",
	    (long long)(days < 0 ? -days : days),
	    days == 1 || days == -1 ? "" : "s",
	    rule->online ? "it should have been signed again; does kiln-tuf"
			   " serve run, and does its log complain?"
			 : "sign it anew with kiln-tuf request ",
	    rule->online ? "" : role);
	return true;
}

static int
told(struct repo *r, const char *role, bool *yes, struct err *err)
{
	static const char sql[] = "SELECT 1 FROM event WHERE kind = 'alarm'"
				  " AND subject = ?1 AND at > ?2";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	stmt_bind_str(q, 1, role);
	stmt_bind_int(q, 2, r->now - DAY);
	rc = stmt_step(q, err);
	*yes = rc == 1;
	return rc == -1 ? -1 : 0;
}

/* A role that nobody delegates to any more may end. */
static bool
counts(const struct tuf_file *targets, const char *role)
{
	const struct rule *rule = rule_of(role);

	return rule && (rule->top || tuf_role_find(targets, role));
}

static int
list(struct repo *r, const struct tuf_file *targets, json_t *out,
    struct err *err)
{
	static const char sql[] =
	    "SELECT name, expires, max(version) FROM role"
	    " WHERE file IS NOT NULL GROUP BY name ORDER BY name";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	while ((rc = stmt_step(q, err)) == 1) {
		auto_buf struct buf text = BUF_INIT;
		const char *role = stmt_str(q, 0);

		if (counts(targets, role) &&
		    alarm_text(role, stmt_int(q, 1), r->now, &text))
			js_set_str(out, role, text.data);
	}
	return rc;
}

int
alarms_note(struct repo *r, const struct tuf_file *targets, struct err *err)
{
	auto_json json_t *all = json_object();
	const char *role;
	json_t *text;
	bool yes;

	if (list(r, targets, all, err) == -1)
		return -1;
	json_object_foreach(all, role, text)
	{
		const char *s = json_string_value(text);

		if (told(r, role, &yes, err) == -1)
			return -1;
		if (yes)
			continue;
		log_event(LOG_LEVEL_WARN, "alarm", "text=\"%s\"", s);
		repo_event(r, "alarm", role, "%s", s);
	}
	return 0;
}
