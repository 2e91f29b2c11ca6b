/*
 * Releases: the sets that are published, what each has other than the one
 * before, waves and brakes, what was asked for and what to type, and what was
 * refused and why.
 */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "web/chart.h"
#include "web/frame.h"
#include "web/pages/pages.h"
#include "web/pages/proposals.h"
#include "web/pages/release_notes.h"

/* --- what is known ---------------------------------------------------------*/

static json_t *
model(struct req *req, struct err *err)
{
	static const char releases[] =
	    "SELECT l.digest, l.service, l.arch, l.made_at, l.plan, p.verdict,"
	    " (SELECT group_concat(lane, ' and ') FROM (SELECT DISTINCT lane"
	    "  FROM run WHERE plan = l.plan AND state = 'succeeded'"
	    "  ORDER BY lane)), l.withheld"
	    " FROM release l JOIN plan p ON p.digest = l.plan"
	    " ORDER BY l.made_at DESC LIMIT 50";
	static const char *const release_cols[] = { "release", "service",
		"arch", "#made_at", "plan", "verdict", "lanes", "withheld",
		NULL };
	static const char sets[] =
	    "SELECT s.channel, s.arch, s.counter, s.digest, s.published_at,"
	    " s.withdrawn_at, t.bytes FROM \"set\" s JOIN own_target t ON"
	    " t.digest = s.digest WHERE s.published_at IS NOT NULL"
	    " ORDER BY s.published_at DESC, s.counter DESC LIMIT 30";
	static const char *const set_cols[] = { "channel", "arch", "#counter",
		"digest", "#at", "#withdrawn_at", "bytes", NULL };
	static const char waiting[] =
	    "SELECT channel, arch, at, text FROM set_waiting"
	    " ORDER BY channel, arch";
	static const char *const waiting_cols[] = { "channel", "arch", "#at",
		"text", NULL };
	static const char brakes[] =
	    "SELECT channel, arch, counter, first_at, until, reason, by,"
	    " lifted_at FROM brake ORDER BY first_at DESC LIMIT 30";
	static const char *const brake_cols[] = { "channel", "arch", "#counter",
		"#first_at", "#until", "reason", "by", "#lifted_at", NULL };
	static const char asked[] =
	    "SELECT id, at, kind, channel, by, text, command, done_at FROM"
	    " asked ORDER BY id DESC LIMIT 30";
	static const char *const asked_cols[] = { "#id", "#at", "kind",
		"channel", "by", "text", "command", "#done_at", NULL };
	static const char publications[] =
	    "SELECT id, at, timestamp_version, snapshot_version FROM"
	    " publication ORDER BY id DESC LIMIT 10";
	static const char *const publication_cols[] = { "#id", "#at",
		"#timestamp", "#snapshot", NULL };
	static const char refusals[] =
	    "SELECT release, service, at, cause, text FROM refusal"
	    " ORDER BY at DESC LIMIT 50";
	static const char *const refusal_cols[] = { "release", "service", "#at",
		"cause", "text", NULL };
	auto_json json_t *m = json_object();
	struct web *w = req->web;

	if (model_add(m, "releases", w->farm, releases, release_cols, err) ==
		-1 ||
	    model_add(m, "sets", w->tuf, sets, set_cols, err) == -1 ||
	    model_add(m, "waiting", w->tuf, waiting, waiting_cols, err) == -1 ||
	    model_add(m, "brakes", w->tuf, brakes, brake_cols, err) == -1 ||
	    model_add(m, "asked", w->tuf, asked, asked_cols, err) == -1 ||
	    model_add(m, "publications", w->tuf, publications, publication_cols,
		err) == -1 ||
	    model_add(m, "refusals", w->tuf, refusals, refusal_cols, err) ==
		-1 ||
	    release_notes_add(m, w, err) == -1 ||
	    proposals_add(req, m, err) == -1)
		return NULL;
	js_set_int(m, "refresh", 30);
	return json_incref(m);
}

/* --- what is shown ---------------------------------------------------------*/

static void
view_waves(struct html *h, const json_t *set)
{
	const json_t *waves = json_object_get(set, "waves"), *v;
	const json_t *window = json_object_get(set, "window");
	size_t i;

	html_open(h, "ul", "class", "tags", NULL);
	json_array_foreach(waves, i, v)
	{
		html_say(h, "li", NULL, "%lld %% after %lld h",
		    (long long)m_int(v, "percent"),
		    (long long)m_int(v, "after_h"));
	}
	if (json_is_object(window))
		html_say(h, "li", NULL, "%s to %s, the router's own time",
		    m_str(window, "from"), m_str(window, "to"));
	html_close(h, "ul");
}

static void
view_set(struct html *h, const json_t *s)
{
	const json_t *set = json_object_get(s, "set"), *n;
	const json_t *list = json_object_get(s, "notes");
	size_t i;

	html_open(h, "div", "class", "card", NULL);
	html_open(h, "h3", NULL);
	html_textf(
	    h, "%s %lld ", m_str(s, "channel"), (long long)m_int(s, "counter"));
	html_say(h, "span", "soft", "%s", m_str(s, "arch"));
	html_close(h, "h3");
	html_open(h, "p", NULL);
	html_text(h, "published ");
	view_ago(h, m_int(s, "at"));
	html_textf(h, ", %lld %s ", (long long)m_int(s, "routers"),
	    m_int(s, "routers") == 1 ? "router runs it" : "routers run it");
	if (m_int(s, "withdrawn_at"))
		html_element(h, "span", "withdrawn", "class", "chip bad", NULL);
	html_close(h, "p");
	view_waves(h, set);
	if (m_str(set, "notes")[0])
		html_element(h, "p", m_str(set, "notes"), NULL);
	html_open(h, "ul", "class", "outs", NULL);
	json_array_foreach(list, i, n) release_note_view(h, n);
	if (json_array_size(list) == 0)
		html_element(h, "li", "nothing but its waves", NULL);
	html_close(h, "ul");
	html_close(h, "div");
}

static void
view_sets(struct html *h, const json_t *m)
{
	const json_t *sets = json_object_get(m, "sets"), *s, *w;
	size_t i;

	view_section(h, "Sets, and what is new in each", "sets");
	json_array_foreach(json_object_get(m, "waiting"), i, w)
	{
		html_open(h, "p", "class", "alert", NULL);
		html_textf(h, "No newer set for %s, %s: %s (",
		    m_str(w, "channel"), m_str(w, "arch"), m_str(w, "text"));
		view_ago(h, m_int(w, "at"));
		html_text(h, ")");
		html_close(h, "p");
	}
	if (json_array_size(sets) == 0)
		html_element(
		    h, "p", "No set is published yet.", "class", "empty", NULL);
	html_open(h, "div", "class", "cards", NULL);
	json_array_foreach(sets, i, s) view_set(h, s);
	html_close(h, "div");
	view_section_end(h);
}

static void
view_brakes(struct html *h, const json_t *brakes)
{
	static const char *const head[] = { "set", "by", "reason", "since",
		"until", "lifted", NULL };
	const json_t *b;
	size_t i;

	if (json_array_size(brakes) == 0)
		return;
	view_section(h, "Stopped sets", "brakes");
	view_table(h, "Stopped sets", head);
	json_array_foreach(brakes, i, b)
	{
		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		html_textf(h, "%s %s %lld", m_str(b, "channel"),
		    m_str(b, "arch"), (long long)m_int(b, "counter"));
		html_close(h, "td");
		view_td(h, m_str(b, "by"));
		html_element(h, "td", m_str(b, "reason"), "class", "why", NULL);
		view_td_time(h, m_int(b, "first_at"));
		html_open(h, "td", NULL);
		view_until(h, m_int(b, "until"));
		html_close(h, "td");
		view_td_time(h, m_int(b, "lifted_at"));
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}

/* What waits for the release key comes with what its holder types. */
static void
view_asked(struct html *h, const json_t *asked)
{
	const json_t *a;
	size_t i;

	if (json_array_size(asked) == 0)
		return;
	view_section(h, "Asked for", "asked");
	json_array_foreach(asked, i, a)
	{
		html_open(h, "div", "class", "card", NULL);
		html_open(h, "p", NULL);
		view_state(h, m_int(a, "done_at") ? "good" : "wait", NULL);
		html_textf(h, " %s of %s by %s: %s", m_str(a, "kind"),
		    m_str(a, "channel"), m_str(a, "by"), m_str(a, "text"));
		html_text(h, " ");
		view_ago(h, m_int(a, "at"));
		html_close(h, "p");
		if (m_str(a, "command")[0] && !m_int(a, "done_at"))
			html_element(h, "pre", m_str(a, "command"), "class",
			    "command", "tabindex", "0", NULL);
		html_close(h, "div");
	}
	view_section_end(h);
}

static void
view_releases(struct html *h, const json_t *releases)
{
	static const char *const head[] = { "service", "architecture",
		"release", "plan", "verdict", "made", NULL };
	const json_t *r;
	size_t i;

	view_section(h, "Releases of services", "services");
	view_table(h, "Releases of services", head);
	json_array_foreach(releases, i, r)
	{
		html_open(h, "tr", NULL);
		view_td(h, m_str(r, "service"));
		view_td(h, m_str(r, "arch"));
		html_open(h, "td", NULL);
		view_record(h, m_str(r, "release"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_record(h, m_str(r, "plan"));
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_verdict(h, m_str(r, "verdict"));
		/* This farm's builds are all that its database knows. */
		html_textf(h, " by 1 party, lanes %s", m_str(r, "lanes"));
		if (m_str(r, "withheld")[0])
			html_say(h, "span", "chip bad", "withheld: %s",
			    m_str(r, "withheld"));
		html_close(h, "td");
		view_td_time(h, m_int(r, "made_at"));
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}

static void
view_refusals(struct html *h, const json_t *refusals)
{
	static const char *const head[] = { "service", "release", "when",
		"cause", "why", NULL };
	const json_t *r;
	size_t i;

	if (json_array_size(refusals) == 0)
		return;
	view_section(h, "Not published, and why", "refusals");
	view_table(h, "Not published, and why", head);
	json_array_foreach(refusals, i, r)
	{
		html_open(h, "tr", NULL);
		view_td(h, m_str(r, "service"));
		html_open(h, "td", NULL);
		view_record(h, m_str(r, "release"));
		html_close(h, "td");
		view_td_time(h, m_int(r, "at"));
		view_td(h, m_str(r, "cause"));
		html_element(h, "td", m_str(r, "text"), "class", "why", NULL);
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}

static void
view(struct html *h, const json_t *m)
{
	const json_t *last = m_first(m, "publications");

	html_open(h, "p", "class", "lede", NULL);
	if (last) {
		html_textf(h, "Timestamp %lld, snapshot %lld, published ",
		    (long long)m_int(last, "timestamp"),
		    (long long)m_int(last, "snapshot"));
		view_ago(h, m_int(last, "at"));
		html_text(h, ". ");
		html_link(h, "timestamp.json", "/tuf/metadata/timestamp.json");
	} else {
		html_text(h, "Nothing is published yet.");
	}
	html_close(h, "p");
	proposals_view(h, m);
	view_asked(h, json_object_get(m, "asked"));
	view_brakes(h, json_object_get(m, "brakes"));
	view_sets(h, m);
	view_releases(h, json_object_get(m, "releases"));
	view_refusals(h, json_object_get(m, "refusals"));
}

void
page_releases(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Releases",
		.section = "/releases",
		.live = true,
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
