#include "web/pages/router_why.h"

#include <string.h>

#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/wave.h"
#include "web/model.h"

#define SILENT (2 * 86400) /* it polls at least once a day */

int
router_newest(json_t *m, struct web *w, struct err *err)
{
	static const char sql[] =
	    "SELECT s.channel, s.arch, s.counter, s.digest, s.at,"
	    " (SELECT max(timestamp_version) FROM publication),"
	    " (SELECT bytes FROM own_target WHERE digest = s.digest),"
	    " (SELECT reason FROM brake b WHERE b.channel = s.channel AND"
	    "  b.arch = s.arch AND b.counter = s.counter AND b.until > ?1 AND"
	    "  b.lifted_at IS NULL) FROM (SELECT channel, arch,"
	    "  max(counter) AS counter, digest, at FROM published_set"
	    "  GROUP BY channel, arch) s";
	static const char *const cols[] = { "channel", "arch", "#counter",
		"set", "#at", "#timestamp", "bytes", "stopped", NULL };
	json_t *n;
	size_t i;

	if (w->tuf == NULL) {
		js_set(m, "newest", json_array());
		return 0;
	}
	auto_stmt struct stmt *q = db_stmt(w->tuf, sql);

	stmt_bind_int(q, 1, time_now());
	if (model_put(m, "newest", w->tuf, q, cols, err) == -1)
		return -1;
	json_array_foreach(json_object_get(m, "newest"), i, n)
	{
		const char *text = m_str(n, "bytes");
		struct err ignored = ERR_INIT;
		auto_json json_t *set =
		    js_parse("set", text, strlen(text), &ignored);
		json_t *waves = json_object_get(set, "waves");

		js_set(n, "waves", waves ? json_incref(waves) : json_null());
		json_object_del(n, "bytes");
	}
	return 0;
}

static const json_t *
offered(const json_t *router, const json_t *newest)
{
	const json_t *n;
	size_t i;

	json_array_foreach(newest, i, n)
	{
		if (strcmp(m_str(n, "channel"), m_str(router, "channel")) ==
			0 &&
		    strcmp(m_str(n, "arch"), m_str(router, "arch")) == 0)
			return n;
	}
	return NULL;
}

/* Unix seconds; WAVE_NEVER: no wave has it, or nobody can say. */
static int64_t
turn_at(const json_t *r, const json_t *n)
{
	struct err ignored = ERR_INIT;
	struct hash device, set;
	int64_t after;

	if (!hash_parse(&device, m_str(r, "id")) ||
	    !hash_parse(&set, m_str(n, "set")) ||
	    wave_after(json_object_get(n, "waves"), wave_place(&device, &set),
		&after, &ignored) == -1 ||
	    after == WAVE_NEVER)
		return WAVE_NEVER;
	return m_int(n, "at") + after;
}

static void
say_turn(json_t *r, const json_t *n, struct buf *out)
{
	int64_t at = turn_at(r, n), counter = m_int(n, "counter");
	char text[TIME_TEXT];

	js_set_int(r, "turn_at", at == WAVE_NEVER ? 0 : at);
	if (at == WAVE_NEVER) {
		buf_printf(out,
		    "set %lld is offered; no wave of it has come "
		    "to this router yet",
		    (long long)counter);
		return;
	}
	time_text(at, text);
	if (at > time_now())
		buf_printf(out,
		    "set %lld is offered; its wave comes at %s at the "
		    "earliest",
		    (long long)counter, text);
	else
		buf_printf(out,
		    "set %lld is offered, and its wave came at %s; it waits "
		    "for its window, its owner, or its next look",
		    (long long)counter, text);
}

static void
say(json_t *r, const json_t *n, struct buf *out)
{
	int64_t silent = time_now() - m_int(r, "seen_at");
	int64_t counter = m_int(n, "counter");
	const char *state = m_str(r, "state"), *cause = m_str(r, "cause");
	const char *why = cause[0] ? cause : "it did not say why";

	/* It names the set that it went back from. */
	if (strcmp(state, "rolled-back") == 0) {
		buf_printf(out, "it went back from set %lld: %s",
		    (long long)m_int(r, "counter"), why);
	} else if (m_int(r, "counter") >= counter) {
		buf_str(out, "it runs the newest set");
	} else if (m_str(n, "stopped")[0]) {
		buf_printf(out, "set %lld is stopped: %s", (long long)counter,
		    m_str(n, "stopped"));
	} else if (strcmp(state, "refused") == 0 ||
		   strcmp(state, "failed") == 0) {
		buf_printf(
		    out, "it %s set %lld: %s", state, (long long)counter, why);
	} else if (silent > SILENT) {
		buf_printf(out, "it has not been heard of for %lld days",
		    (long long)(silent / 86400));
	} else if (m_int(r, "timestamp") < m_int(n, "timestamp")) {
		buf_printf(out, "it has seen timestamp %lld; %lld is published",
		    (long long)m_int(r, "timestamp"),
		    (long long)m_int(n, "timestamp"));
	} else {
		say_turn(r, n, out);
	}
}

void
router_why(json_t *r, const json_t *newest)
{
	const json_t *n = offered(r, newest);
	auto_buf struct buf out = BUF_INIT;

	if (m_int(r, "seen_at") == 0)
		buf_str(&out, "it has not reported yet");
	else if (n == NULL)
		buf_printf(&out, "no set is published for %s, %s",
		    m_str(r, "channel"), m_str(r, "arch"));
	else
		say(r, n, &out);
	js_set_str(r, "why", out.data);
}
