#include "web/pages/build.h"

#include <string.h>

#include "lib/mem.h"
#include "lib/own.h"
#include "web/model.h"
#include "web/pages/changes.h"
#include "web/view.h"

/* --- why -------------------------------------------------------------------*/

void
build_view_why(struct html *h, const json_t *m)
{
	const json_t *chain = json_object_get(m, "chain"), *e;
	const json_t *changes = json_object_get(m, "changes");
	const json_t *r = json_object_get(m, "run"), *l;
	size_t i;

	view_section(h, "Why it was built", "why");
	if (m_int(r, "audit"))
		html_element(h, "p",
		    "A second look: its plan had a verdict already.", NULL);
	html_open(h, "ol", "class", "events", NULL);
	json_array_foreach(chain, i, e)
	{
		auto_free char *cls = mem_printf(
		    "%s%s", m_str(e, "kind"), m_int(e, "here") ? " here" : "");

		html_open(h, "li", "class", cls, NULL);
		html_element(
		    h, "span", m_str(e, "subject"), "class", "on", NULL);
		html_text(h, m_str(e, "text"));
		view_ago(h, m_int(e, "at"));
		html_close(h, "li");
	}
	html_close(h, "ol");
	if (json_array_size(changes))
		changes_view(h, "What the lock has other than before", changes);
	json_array_foreach(json_object_get(m, "ledger"), i, l)
	{
		html_open(h, "p", "class", "note", NULL);
		html_textf(h,
		    "Cycle %lld executed %lld of its builds; %lld would have "
		    "been enough.",
		    (long long)m_int(l, "cycle"),
		    (long long)m_int(l, "executed"),
		    (long long)m_int(l, "needed"));
		if (m_str(l, "reason")[0])
			html_textf(h, " The excess: %s.", m_str(l, "reason"));
		html_close(h, "p");
	}
	view_section_end(h);
}

/* --- both lanes ------------------------------------------------------------*/

static const json_t *
newest(const json_t *lanes, const char *lane)
{
	const json_t *r;
	size_t i;

	json_array_foreach(lanes, i, r)
	{
		if (strcmp(m_str(r, "lane"), lane) == 0)
			return r;
	}
	return NULL;
}

static const char *
digest_of(const json_t *outputs, int64_t run, const char *name)
{
	const json_t *o;
	size_t i;

	json_array_foreach(outputs, i, o)
	{
		if (m_int(o, "run") == run &&
		    strcmp(m_str(o, "name"), name) == 0)
			return m_str(o, "digest");
	}
	return "";
}

static void
lane_outputs(struct html *h, const json_t *outputs, int64_t run, int64_t other)
{
	const json_t *o;
	size_t i;

	html_open(h, "ul", "class", "outs", NULL);
	json_array_foreach(outputs, i, o)
	{
		const char *theirs;

		if (m_int(o, "run") != run)
			continue;
		theirs = digest_of(outputs, other, m_str(o, "name"));
		html_open(h, "li", NULL);
		view_output(
		    h, m_str(o, "name"), m_str(o, "digest"), m_int(o, "size"));
		if (theirs[0] && strcmp(theirs, m_str(o, "digest")) != 0) {
			html_text(h, " ");
			html_element(h, "span", "differs", "class",
			    "chip differs", NULL);
		}
		html_close(h, "li");
	}
	html_close(h, "ul");
}

static void
lane_card(struct html *h, const json_t *m, const char *lane, const json_t *r,
    const json_t *other)
{
	bool here =
	    r && m_int(r, "id") == m_int(json_object_get(m, "run"), "id");

	html_open(h, "div", "class", here ? "card this" : "card", NULL);
	html_open(h, "h3", NULL);
	html_textf(h, "Lane %s ", lane);
	html_element(h, "span",
	    strcmp(lane, "A") == 0 ? "quiet" : "everything contrary", "class",
	    "soft", NULL);
	html_close(h, "h3");
	if (r == NULL) {
		html_element(h, "p", "not built in this lane yet", "class",
		    "soft", NULL);
		html_close(h, "div");
		return;
	}
	html_open(h, "p", NULL);
	view_state(h, m_str(r, "state"), m_str(r, "cause"));
	html_text(h, " ");
	if (here)
		html_say(h, "span", "soft", "this build");
	else
		html_link(h, "the other build", "/build/%lld",
		    (long long)m_int(r, "id"));
	if (m_int(r, "wall_ms")) {
		html_text(h, ", ");
		view_duration(h, m_int(r, "wall_ms"));
	}
	html_close(h, "p");
	lane_outputs(h, json_object_get(m, "lane_outputs"), m_int(r, "id"),
	    other ? m_int(other, "id") : 0);
	html_close(h, "div");
}

static void
words(struct html *h, const char *name, const json_t *list, const char *cls)
{
	const json_t *word;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	view_fact(h, name);
	html_open(h, "ul", "class", "tags", NULL);
	json_array_foreach(list, i, word)
	{
		html_element(
		    h, "li", json_string_value(word), "class", cls, NULL);
	}
	html_close(h, "ul");
	html_close(h, "dd");
}

void
build_view_lanes(struct html *h, const json_t *m)
{
	const json_t *lanes = json_object_get(m, "lanes");
	const json_t *v = json_object_get(m, "verdict_record");
	const json_t *run = json_object_get(m, "run");
	const char *verdict = m_str(run, "verdict");
	const json_t *a = newest(lanes, "A"), *b = newest(lanes, "B");
	auto_free char *cls = mem_printf("meet %s", verdict);

	/* The lane whose page it is shows this run, not a newer one. */
	if (strcmp(m_str(run, "lane"), "A") == 0)
		a = run;
	else
		b = run;
	view_section(h, "Two lanes", "lanes");
	html_open(h, "div", "class", "lanes", NULL);
	lane_card(h, m, "A", a, b);
	html_element(h, "div",
	    strcmp(verdict, "reproduced") == 0 ? "="
	    : strcmp(verdict, "differs") == 0  ? "\xe2\x89\xa0"
	    : verdict[0]		       ? "\xc3\x97"
					       : "\xe2\x80\xa6",
	    "class", cls, "aria-hidden", "true", NULL);
	lane_card(h, m, "B", b, a);
	html_close(h, "div");
	html_open(h, "p", "class", "note", NULL);
	html_text(h, "Verdict of the plan: ");
	view_verdict(h, verdict);
	if (json_array_size(json_object_get(v, "by")))
		html_textf(h, " by %zu %s",
		    json_array_size(json_object_get(v, "by")),
		    json_array_size(json_object_get(v, "by")) == 1 ? "party"
								   : "parties");
	html_text(h, ".");
	if (a && b) {
		html_text(h, " ");
		html_link(h, "Compare both", "/compare/%lld/%lld",
		    (long long)m_int(a, "id"), (long long)m_int(b, "id"));
	}
	if (a && strcmp(verdict, "differs") == 0) {
		auto_free char *command =
		    mem_printf("kiln explain %lld", (long long)m_int(a, "id"));

		html_text(h, " What it comes of is found by building again: ");
		html_element(h, "code", command, NULL);
	}
	html_close(h, "p");
	if (v && json_is_object(v)) {
		html_open(h, "dl", NULL);
		words(
		    h, "judged from builds by", json_object_get(v, "by"), NULL);
		words(h, "varied between lanes", json_object_get(v, "varied"),
		    NULL);
		words(
		    h, "not covered", json_object_get(v, "not_varied"), "not");
		html_close(h, "dl");
	}
	view_section_end(h);
}

/* --- where -----------------------------------------------------------------*/

static void
record_fact(struct html *h, const char *name, const char *hex)
{
	if (hex[0] == '\0')
		return;
	view_fact(h, name);
	html_element(h, "span", hex, "class", "digest whole", NULL);
	html_text(h, " ");
	html_link(h, "open", "/blob/%s?as=json", hex);
	html_close(h, "dd");
}

void
build_view_place(struct html *h, const json_t *m)
{
	const json_t *r = json_object_get(m, "run");
	const json_t *record = json_object_get(m, "run_record");
	const json_t *machine = json_object_get(record, "machine");

	view_section(h, "Where it ran", "place");
	html_open(h, "dl", NULL);
	if (machine) {
		view_fact(h, "machine");
		html_textf(h, "%s, kernel %s, %lld cores",
		    m_str(machine, "cpu"), m_str(machine, "kernel"),
		    (long long)m_int(machine, "cores"));
		html_close(h, "dd");
	}
	if (m_int(r, "wall_ms")) {
		view_fact(h, "cost");
		view_duration(h, m_int(r, "cpu_ms"));
		html_text(h, " of CPU in ");
		view_duration(h, m_int(r, "wall_ms"));
		html_text(h, ", largest process ");
		view_size(h, 1024 * m_int(r, "max_rss_kib"));
		html_close(h, "dd");
	}
	words(
	    h, "this lane varied", json_object_get(record, "variations"), NULL);
	if (m_str(r, "environment")[0]) {
		view_fact(h, "environment");
		html_element(h, "span", m_str(r, "environment"), "class",
		    "digest whole", NULL);
		html_close(h, "dd");
	}
	record_fact(h, "plan", m_str(r, "plan"));
	record_fact(h, "lock", m_str(r, "lock"));
	record_fact(h, "record of the run", m_str(r, "record"));
	record_fact(h, "record of the verdict", m_str(r, "verdict_record"));
	html_close(h, "dl");
	view_section_end(h);
}

/* --- what was said of it ---------------------------------------------------*/

void
build_view_attestations(struct html *h, const json_t *m)
{
	static const char *const head[] = { "statement", "verdict", "by",
		"said", "signed", NULL };
	const json_t *list = json_object_get(m, "attestations"), *a;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	view_section(h, "What is said of it", "attestations");
	view_table(h, "Attestations", head);
	json_array_foreach(list, i, a)
	{
		html_open(h, "tr", NULL);
		view_td(h, m_str(a, "predicate"));
		html_open(h, "td", NULL);
		if (m_str(a, "verdict")[0])
			view_verdict(h, m_str(a, "verdict"));
		html_close(h, "td");
		/* A rebuilder by the beginning of its key's id, as on the trust
		 * page. */
		html_open(h, "td", NULL);
		if (m_str(a, "by")[0])
			html_textf(h, "rebuilder %.8s, lane %s", m_str(a, "by"),
			    m_str(a, "lane"));
		else
			html_text(h, "this farm");
		html_close(h, "td");
		view_td_time(h, m_int(a, "at"));
		html_open(h, "td", NULL);
		if (json_is_true(json_object_get(a, "signed")))
			html_link(h, "envelope", "/attestation/%s",
			    m_str(a, "digest"));
		else
			html_text(h, "waits for kiln-tuf");
		html_close(h, "td");
		html_close(h, "tr");
	}
	view_table_end(h);
	view_section_end(h);
}

/* --- from what -------------------------------------------------------------*/

/* A folded table of an array: name, a second word, digest. */
static void
input_list(struct html *h, const char *what, const json_t *list,
    const char *name, const char *second)
{
	const char *head[] = { what, second ? second : "SHA-256",
		second ? "SHA-256" : NULL, NULL };
	const json_t *o;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	html_open(h, "details", NULL);
	html_say(
	    h, "summary", NULL, "%zu \xc3\x97 %s", json_array_size(list), what);
	view_table(h, what, head);
	json_array_foreach(list, i, o)
	{
		html_open(h, "tr", NULL);
		view_td(h, m_str(o, name));
		if (second)
			view_td(h, m_str(o, second));
		html_open(h, "td", NULL);
		view_artifact(h, m_str(o, "sha256"));
		html_close(h, "td");
		html_close(h, "tr");
	}
	view_table_end(h);
	html_close(h, "details");
}

void
build_view_inputs(struct html *h, const json_t *m)
{
	const json_t *in = json_object_get(m, "inputs");

	html_open(h, "section", "id", "inputs", NULL);
	html_element(h, "h2", "All that went in", NULL);
	html_open(h, "p", "class", "note", NULL);
	html_text(h, "The plan names every byte, and the sandbox has no "
		     "network. Its clock says ");
	html_element(h, "code", m_str(in, "clock"), NULL);
	html_text(h, ".");
	html_close(h, "p");
	input_list(h, "packages of the environment",
	    json_object_get(in, "packages"), "name", "version");
	input_list(
	    h, "source files", json_object_get(in, "sources"), "file", NULL);
	input_list(h, "outputs of other builds", json_object_get(in, "uses"),
	    "output", "recipe");
	input_list(h, "files of the recipe", json_object_get(in, "tree"),
	    "path", NULL);
	html_close(h, "section");
}

/* --- who else --------------------------------------------------------------*/

static bool
same_outputs(const json_t *outputs, int64_t a, int64_t b)
{
	const json_t *o;
	size_t i, n = 0;

	json_array_foreach(outputs, i, o)
	{
		if (m_int(o, "run") != a)
			continue;
		n++;
		if (strcmp(m_str(o, "digest"),
			digest_of(outputs, b, m_str(o, "name"))) != 0)
			return false;
	}
	return n > 0;
}

static void
siblings(struct html *h, const json_t *m, bool same)
{
	const json_t *lanes = json_object_get(m, "lanes"), *r;
	const json_t *outputs = json_object_get(m, "lane_outputs");
	int64_t id = m_int(json_object_get(m, "run"), "id");
	size_t i, n = 0;

	json_array_foreach(lanes, i, r)
	{
		int64_t other = m_int(r, "id");

		if (other == id ||
		    strcmp(m_str(r, "state"), "succeeded") != 0 ||
		    same_outputs(outputs, id, other) != same)
			continue;
		html_text(h, n++ ? ", " : "");
		html_textf(h, "lane %s, ", m_str(r, "lane"));
		html_link(h, same ? "build" : "compare",
		    same ? "/build/%lld" : "/compare/%lld/%lld",
		    (long long)(same ? other : id), (long long)other);
		html_textf(h, " %lld", (long long)other);
	}
	if (n == 0)
		html_element(h, "span", "none", "class", "soft", NULL);
}

static void
other_inputs(struct html *h, const json_t *m)
{
	const json_t *list = json_object_get(m, "same_output"), *r;
	size_t i;

	json_array_foreach(list, i, r)
	{
		html_open(h, "div", NULL);
		html_textf(h, "%s: %s %s, build ", m_str(r, "name"),
		    m_str(r, "recipe"), m_str(r, "stage"));
		view_run(h, m_int(r, "run"));
		html_close(h, "div");
	}
	if (json_array_size(list) == 0)
		html_element(h, "span", "none", "class", "soft", NULL);
}

void
build_view_relations(struct html *h, const json_t *m)
{
	const json_t *plans = json_object_get(m, "other_plans"), *p;
	const json_t *releases = json_object_get(m, "releases");
	int64_t id = m_int(json_object_get(m, "run"), "id");
	size_t i;

	view_section(h, "Who else came to what", "relations");
	html_open(h, "dl", NULL);
	view_fact(h, "same input, same output");
	siblings(h, m, true);
	html_close(h, "dd");
	view_fact(h, "same input, other output");
	siblings(h, m, false);
	html_close(h, "dd");
	view_fact(h, "other input, same output");
	other_inputs(h, m);
	html_close(h, "dd");
	view_fact(h, "other plans of this recipe");
	json_array_foreach(plans, i, p)
	{
		html_open(h, "div", NULL);
		view_run(h, m_int(p, "run"));
		html_text(h, " ");
		view_verdict(h, m_str(p, "verdict"));
		html_text(h, " ");
		view_ago(h, m_int(p, "made_at"));
		html_text(h, " ");
		html_link(h, "compare", "/compare/%lld/%lld",
		    (long long)m_int(p, "run"), (long long)id);
		html_close(h, "div");
	}
	if (json_array_size(plans) == 0)
		html_element(h, "span", "none", "class", "soft", NULL);
	html_close(h, "dd");
	json_array_foreach(releases, i, p)
	{
		view_fact(h, "may be published as");
		html_textf(h, "%s %s ", m_str(p, "service"), m_str(p, "arch"));
		view_record(h, m_str(p, "release"));
		html_close(h, "dd");
	}
	html_close(h, "dl");
	view_section_end(h);
}
