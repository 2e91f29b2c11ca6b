/*
 * Fleet: how many routers run what, how old their view of the repository is,
 * what made them go back; and the routers themselves, paged and filtered.
 */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/chart.h"
#include "web/frame.h"
#include "web/pages/pages.h"
#include "web/pages/router_why.h"

#define PAGE 50
#define PAGE_MAX 500

/* --- what is known ---------------------------------------------------------*/

static int
add_groups(json_t *m, struct web *w, struct err *err)
{
	static const char versions[] =
	    "SELECT g.*, c.updates, c.bytes / c.updates, c.most_bytes,"
	    " iif(c.switches, c.gap_ms / c.switches, NULL),"
	    " iif(c.switches, c.longest_ms, NULL) FROM (SELECT channel, arch,"
	    "  counter, sum(routers), sum(iif(state = 'committed', routers,"
	    "  0)) FROM router_group WHERE state <> '' GROUP BY channel, arch,"
	    "  counter ORDER BY channel, arch, counter DESC LIMIT 60) g"
	    " LEFT JOIN cost c USING (channel, arch, counter)"
	    " ORDER BY g.channel, g.arch, g.counter DESC";
	static const char *const version_cols[] = { "channel", "arch",
		"#counter", "#routers", "#committed", "#updates", "#bytes",
		"#most_bytes", "#gap_ms", "#longest_ms", NULL };
	static const char groups[] =
	    "SELECT fleet_group, count(*) FROM router WHERE fleet_group <> ''"
	    " GROUP BY fleet_group ORDER BY fleet_group LIMIT 60";
	static const char *const group_cols[] = { "group", "#routers", NULL };
	static const char causes[] =
	    "SELECT state, nullif(cause, ''), n, (SELECT max(seen_at) FROM"
	    "  router r WHERE r.state = g.state AND r.cause IS"
	    "  nullif(g.cause, '')) FROM (SELECT state, cause, sum(routers)"
	    "  AS n FROM router_group WHERE state NOT IN ('committed', '')"
	    "  GROUP BY state, cause ORDER BY n DESC LIMIT 20) g"
	    " ORDER BY n DESC";
	static const char *const cause_cols[] = { "state", "cause", "#routers",
		"#last_at", NULL };
	/* Few are silent, or behind: those are counted, the others are the
	 * rest.  Who never reported has neither. */
	static const char fresh[] =
	    "SELECT n, n - longer - week, week, longer, committed,"
	    " n - behind, behind FROM (SELECT (SELECT coalesce(sum(routers),"
	    "   0) FROM router_group WHERE state <> '') AS n,"
	    "  (SELECT coalesce(sum(routers), 0) FROM router_group WHERE"
	    "   state = 'committed') AS committed,"
	    "  (SELECT count(*) FROM router WHERE seen_at > 0 AND"
	    "   seen_at < ?1 - 604800) AS longer,"
	    "  (SELECT count(*) FROM router WHERE seen_at > 0 AND"
	    "   seen_at >= ?1 - 604800 AND seen_at < ?1 - 86400) AS week,"
	    "  (SELECT count(*) FROM router WHERE timestamp < ?2 - 1) -"
	    "  (SELECT count(*) FROM router WHERE seen_at = 0 AND 0 < ?2 - 1) "
	    "AS behind)";
	static const char *const fresh_cols[] = { "#routers", "#day", "#week",
		"#longer", "#committed", "#current", "#behind", NULL };

	if (router_newest(m, w, err) == -1 ||
	    model_add(m, "versions", w->web, versions, version_cols, err) ==
		-1 ||
	    model_add(m, "groups", w->web, groups, group_cols, err) == -1 ||
	    model_add(m, "causes", w->web, causes, cause_cols, err) == -1)
		return -1;
	auto_stmt struct stmt *q = db_stmt(w->web, fresh);

	stmt_bind_int(q, 1, time_now());
	stmt_bind_int(q, 2, m_int(m_first(m, "newest"), "timestamp"));
	return model_put(m, "freshness", w->web, q, fresh_cols, err);
}

#define ROUTER                                                           \
	"SELECT rowid, id, state, cause, channel, arch, agent, counter," \
	" seen_at, timestamp, set_sha, fleet_group FROM router"          \
	" WHERE sequence > 0 "
#define AFTER "AND rowid < ?1 "
#define LAST "ORDER BY rowid DESC LIMIT ?2"

static json_t *
model(struct req *req, struct err *err)
{
	static const char *const cols[] = { "#row", "id", "state", "cause",
		"channel", "arch", "agent", "#counter", "#seen_at",
		"#timestamp", "set", "group", NULL };
	static const char all[] = ROUTER AFTER LAST;
	static const char by_state[] = ROUTER "AND state = ?3 " AFTER LAST;
	static const char by_channel[] = ROUTER "AND channel = ?3 " AFTER LAST;
	static const char by_group[] =
	    ROUTER "AND fleet_group = ?3 AND fleet_group <> '' " AFTER LAST;
	const char *state = req_arg(req, "state");
	const char *channel = req_arg(req, "channel");
	const char *group = req_arg(req, "group");
	auto_json json_t *m = json_object();
	struct web *w = req->web;
	struct paging p;
	json_t *rows, *r;
	size_t i;

	if (model_paging(req, PAGE, PAGE_MAX, &p, err) == -1 ||
	    add_groups(m, w, err) == -1)
		return NULL;
	auto_stmt struct stmt *q = db_stmt(w->web, state     ? by_state
						   : channel ? by_channel
						   : group   ? by_group
							     : all);

	stmt_bind_int(q, 1, p.after ? p.after : INT64_MAX);
	stmt_bind_int(q, 2, p.limit + 1);
	if (state || channel || group)
		stmt_bind_str(q, 3, state ? state : channel ? channel : group);
	if ((rows = model_rows(w->web, q, cols, err)) == NULL)
		return NULL;
	js_set_str(m, "state", state);
	js_set_str(m, "channel", state ? NULL : channel);
	js_set_str(m, "group", state || channel ? NULL : group);
	model_page(m, rows, &p, "row");
	json_array_foreach(rows, i, r)
	{
		router_why(r, json_object_get(m, "newest"));
	}
	js_set_int(m, "refresh", 30);
	return json_incref(m);
}

/* --- what is shown ---------------------------------------------------------*/

/* On the average, and at the worst. */
static void
view_cost(struct html *h, const json_t *v)
{
	html_open(h, "td", "class", "number", NULL);
	if (m_int(v, "updates")) {
		view_size(h, m_int(v, "bytes"));
		if (m_int(v, "most_bytes") != m_int(v, "bytes")) {
			html_open(h, "span", "class", "soft", NULL);
			html_text(h, " \xe2\x89\xa4 ");
			view_size(h, m_int(v, "most_bytes"));
			html_close(h, "span");
		}
	}
	html_close(h, "td");
	html_open(h, "td", "class", "number", NULL);
	if (json_is_integer(json_object_get(v, "gap_ms"))) {
		html_textf(h, "%lld ms", (long long)m_int(v, "gap_ms"));
		if (m_int(v, "longest_ms") != m_int(v, "gap_ms"))
			html_say(h, "span", "soft", " \xe2\x89\xa4 %lld ms",
			    (long long)m_int(v, "longest_ms"));
	}
	html_close(h, "td");
}

static void
view_versions(struct html *h, const json_t *m)
{
	static const char *const head[] = { "channel", "architecture", "#set",
		"#routers", "#fetched each", "#gap", "share", NULL };
	int64_t all = m_int(m_first(m, "freshness"), "routers");
	const json_t *v;
	size_t i;

	view_section(h, "By what they run", "versions");
	view_table(h, "Routers by the set they run", head);
	json_array_foreach(json_object_get(m, "versions"), i, v)
	{
		int64_t n = m_int(v, "routers"), ok = m_int(v, "committed");
		auto_free char *label = mem_printf(
		    "%lld of %lld committed", (long long)ok, (long long)n);
		struct chart_part parts[] = { { "good", ok },
			{ "bad", n - ok } };

		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		html_link(h, m_str(v, "channel"), "/fleet?channel=%s",
		    m_str(v, "channel"));
		html_close(h, "td");
		view_td(h, m_str(v, "arch"));
		view_td_count(h, m_int(v, "counter"));
		view_td_count(h, n);
		view_cost(h, v);
		html_open(h, "td", "class", "why", NULL);
		chart_bar(h, label, parts, 2, all);
		html_close(h, "td");
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}

static void
view_groups(struct html *h, const json_t *groups)
{
	static const char *const head[] = { "group", "#routers", NULL };
	const json_t *g;
	size_t i;

	if (json_array_size(groups) == 0)
		return;
	view_section(h, "By group", "groups");
	view_table(h, "Routers by group", head);
	json_array_foreach(groups, i, g)
	{
		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		html_link(
		    h, m_str(g, "group"), "/fleet?group=%s", m_str(g, "group"));
		html_close(h, "td");
		view_td_count(h, m_int(g, "routers"));
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}

static void
view_causes(struct html *h, const json_t *causes)
{
	static const char *const head[] = { "state", "cause", "#routers",
		"last", NULL };
	const json_t *c;
	size_t i;

	if (json_array_size(causes) == 0)
		return;
	view_section(h, "What made them go back", "causes");
	view_table(h, "Rollbacks and refusals by cause", head);
	json_array_foreach(causes, i, c)
	{
		auto_free char *href =
		    mem_printf("/fleet?state=%s", m_str(c, "state"));

		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		view_state(h, m_str(c, "state"), NULL);
		html_text(h, " ");
		html_element(h, "a", "show", "href", href, NULL);
		html_close(h, "td");
		view_td(h, m_str(c, "cause"));
		view_td_count(h, m_int(c, "routers"));
		view_td_time(h, m_int(c, "last_at"));
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}

static void
view_routers(struct html *h, const json_t *m)
{
	static const char *const head[] = { "router", "state", "#set",
		"channel", "group", "agent", "heard of", "why not newer",
		NULL };
	const json_t *r;
	size_t i;

	view_section(h, "Routers", "routers");
	view_table(h, "Routers", head);
	json_array_foreach(json_object_get(m, "items"), i, r)
	{
		auto_free char *brief = mem_printf("%.12s", m_str(r, "id"));

		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		view_brick(h, m_str(r, "id"));
		html_open(h, "span", "class", "digest", NULL);
		html_link(h, brief, "/router/%s", m_str(r, "id"));
		html_close(h, "span");
		html_close(h, "td");
		html_open(h, "td", NULL);
		view_state(h, m_str(r, "state"), m_str(r, "cause"));
		html_close(h, "td");
		view_td_count(h, m_int(r, "counter"));
		html_element(h, "td", m_str(r, "channel"), NULL);
		view_td(h, m_str(r, "group"));
		view_td(h, m_str(r, "agent"));
		view_td_time(h, m_int(r, "seen_at"));
		html_element(h, "td", m_str(r, "why"), "class", "why", NULL);
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}

static void
view(struct html *h, const json_t *m)
{
	const json_t *f = m_first(m, "freshness");
	const char *state = m_str(m, "state"), *channel = m_str(m, "channel");
	const char *group = m_str(m, "group");
	auto_free char *query = state[0] ? mem_printf("&state=%s", state)
				: channel[0]
				    ? mem_printf("&channel=%s", channel)
				: group[0] ? mem_printf("&group=%s", group)
					   : mem_str("");

	html_element(h, "p",
	    "What each router said last, signed by its own key. A router can "
	    "only speak for itself.",
	    "class", "lede", NULL);
	html_open(h, "p", NULL);
	html_link(h, "Devices", "/devices");
	html_text(h, ": who belongs to the fleet, who waits, and tokens.");
	html_close(h, "p");
	if (m_int(f, "routers") == 0) {
		html_element(h, "p", "No router has reported yet.", "class",
		    "empty", NULL);
		return;
	}
	html_open(
	    h, "ul", "class", "stats", "id", "stats", "data-live", "", NULL);
	view_stat(h, m_int(f, "routers"), "routers", "/fleet");
	view_stat(h, m_int(f, "committed"), "run what they committed",
	    "/fleet?state=committed");
	view_stat(h, m_int(f, "day"), "heard of within a day", NULL);
	view_stat(h, m_int(f, "week"), "within a week", NULL);
	view_stat(h, m_int(f, "longer"), "silent for longer", NULL);
	view_stat(h, m_int(f, "current"), "have current metadata", NULL);
	view_stat(h, m_int(f, "behind"), "are behind", NULL);
	html_close(h, "ul");
	view_versions(h, m);
	view_groups(h, json_object_get(m, "groups"));
	view_causes(h, json_object_get(m, "causes"));
	view_routers(h, m);
	view_next(h, "/fleet", json_object_get(m, "next"), query);
}

void
page_fleet(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Fleet",
		.section = "/fleet",
		.web_only = true,
		.live = true,
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
