#include "web/pages/proof.h"

#include <stdint.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/chart.h"
#include "web/model.h"
#include "web/view.h"

#define MIB ((int64_t)1 << 20)

/* --- what is known ---------------------------------------------------------*/

static void
add_tests(json_t *to, const json_t *names, bool passed)
{
	const json_t *one;
	size_t i;

	json_array_foreach(names, i, one)
	{
		json_t *t = json_object();

		js_set_str(t, "name", json_string_value(one));
		js_set_bool(t, "passed", passed);
		json_array_append_new(to, t);
	}
}

void
proof_add_record(json_t *row, struct web *w)
{
	auto_json json_t *record = model_record(w, m_str(row, "record"));
	const json_t *p = json_object_get(record, "predicate");
	json_t *parts =
	    json_object_get(json_object_get(p, "kiln_measured"), "parts");
	json_t *tests = json_array();

	if (parts)
		json_object_set(row, "parts", parts);
	else
		js_set(row, "parts", json_array());
	/* What failed is what somebody looks for. */
	add_tests(tests, json_object_get(p, "failedTests"), false);
	add_tests(tests, json_object_get(p, "passedTests"), true);
	js_set(row, "tests", tests);
}

int
proof_add(json_t *m, struct web *w, const char *hex, struct err *err)
{
	static const char proofs[] =
	    "SELECT f.digest, f.at, f.arch, f.script, f.passed, f.failed,"
	    " f.kernel, (SELECT p.recipe FROM output o JOIN run r ON r.id ="
	    "  o.run JOIN plan p ON p.digest = r.plan WHERE o.digest ="
	    "  f.kernel ORDER BY o.run DESC LIMIT 1), f.accel, f.memory,"
	    " f.answer_ms, f.least FROM proof_subject s JOIN proof f ON f.id ="
	    " s.proof WHERE s.digest = ?1 ORDER BY f.id DESC LIMIT 20";
	static const char *const cols[] = { "record", "#at", "arch", "script",
		"#passed", "#failed", "kernel", "kernel_recipe", "accel",
		"#memory", "#answer_ms", "#least", NULL };
	static const char budget[] =
	    "SELECT e.image_max FROM output o JOIN run r ON r.id = o.run JOIN"
	    " plan p ON p.digest = r.plan JOIN recipe e ON e.name = p.recipe"
	    " WHERE o.digest = ?1 AND o.name = 'image' ORDER BY o.run DESC"
	    " LIMIT 1";
	json_t *newest;
	int got;

	{
		auto_stmt struct stmt *q = db_stmt(w->farm, proofs);

		stmt_bind_str(q, 1, hex);
		if (model_put(m, "proofs", w->farm, q, cols, err) == -1)
			return -1;
	}
	newest = json_array_get(json_object_get(m, "proofs"), 0);
	if (newest)
		proof_add_record(newest, w);
	auto_stmt struct stmt *q = db_stmt(w->farm, budget);

	stmt_bind_str(q, 1, hex);
	if ((got = stmt_step(q, err)) == -1)
		return -1;
	js_set_int(m, "image_max", got ? stmt_int(q, 0) : 0);
	return 0;
}

int
proof_add_trend(json_t *m, struct db *db, const char *recipe, struct err *err)
{
	static const char sql[] =
	    "SELECT DISTINCT f.id, f.at, f.accel, f.answer_ms, f.least,"
	    " f.memory FROM (SELECT * FROM product WHERE recipe = ?1 AND stage"
	    " = 'image' ORDER BY made_at DESC LIMIT 100) d JOIN proof_subject"
	    " s ON s.digest = d.image JOIN proof f ON f.id = s.proof WHERE"
	    " f.accel IS NOT NULL ORDER BY f.id DESC LIMIT 100";
	static const char *const cols[] = { "#id", "#at", "accel", "#answer_ms",
		"#least", "#memory", NULL };
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, recipe);
	return model_put(m, "takes", db, q, cols, err);
}

/* --- what is shown ---------------------------------------------------------*/

void
proof_view_answer(struct html *h, const json_t *row)
{
	if (m_str(row, "accel")[0])
		view_duration(h, m_int(row, "answer_ms"));
	else
		html_text(h, "–");
}

void
proof_view_least(struct html *h, const json_t *row)
{
	int64_t least = m_int(row, "least"), given = m_int(row, "memory");

	if (!m_str(row, "accel")[0]) {
		html_text(h, "–");
		return;
	}
	if (least % MIB == 0 && given % MIB == 0) {
		html_textf(h, "%lld of %lld MiB", (long long)(least / MIB),
		    (long long)(given / MIB));
		return;
	}
	view_size(h, least);
	html_text(h, " of ");
	view_size(h, given);
}

void
proof_view_asked(struct html *h, const json_t *row)
{
	long long passed = m_int(row, "passed");
	long long all = passed + m_int(row, "failed");
	auto_free char *said = NULL;

	if (passed < all) {
		html_say(h, "span", "chip failed", "%lld failed", all - passed);
		html_text(h, " ");
	}
	said =
	    mem_printf("%lld of %lld by %s", passed, all, m_str(row, "script"));
	html_link(h, said, "/blob/%s?as=text", m_str(row, "record"));
}

void
proof_view_parts(struct html *h, const json_t *row, size_t most)
{
	const json_t *p;
	int64_t rest = 0;
	size_t i, n = 0;

	json_array_foreach(json_object_get(row, "parts"), i, p)
	{
		if (i >= most) {
			rest += m_int(p, "bytes");
			n++;
			continue;
		}
		html_textf(h, "%s%s ", i ? ", " : "", m_str(p, "origin"));
		view_size(h, m_int(p, "bytes"));
	}
	if (n) {
		html_textf(h, ", %zu more ", n);
		view_size(h, rest);
	}
}

static void
view_tests(struct html *h, const json_t *row)
{
	const json_t *t;
	size_t i;

	html_open(h, "details", NULL);
	html_say(h, "summary", NULL, "what %s tried", m_str(row, "script"));
	html_open(h, "ul", NULL);
	json_array_foreach(json_object_get(row, "tests"), i, t)
	{
		html_open(h, "li", NULL);
		if (!json_is_true(json_object_get(t, "passed"))) {
			html_element(
			    h, "span", "failed", "class", "chip failed", NULL);
			html_text(h, " ");
		}
		html_text(h, m_str(t, "name"));
		html_close(h, "li");
	}
	html_close(h, "ul");
	html_close(h, "details");
}

static void
view_newest(struct html *h, const json_t *row)
{
	html_open(h, "dl", NULL);
	if (m_str(row, "accel")[0]) {
		view_fact(h, "answers after");
		proof_view_answer(h, row);
		html_textf(h, ", under %s of %s", m_str(row, "accel"),
		    m_str(row, "arch"));
		html_close(h, "dd");
		view_fact(h, "least memory");
		proof_view_least(h, row);
		html_text(h, " given");
		html_close(h, "dd");
		view_fact(h, "kernel");
		html_textf(h, "%s ", m_str(row, "kernel_recipe"));
		view_artifact(h, m_str(row, "kernel"));
		html_close(h, "dd");
	}
	view_fact(h, "asked");
	proof_view_asked(h, row);
	html_close(h, "dd");
	view_fact(h, "when");
	view_time(h, m_int(row, "at"));
	html_close(h, "dd");
	if (json_array_size(json_object_get(row, "parts"))) {
		view_fact(h, "trusted code");
		proof_view_parts(h, row, SIZE_MAX);
		html_close(h, "dd");
	}
	html_close(h, "dl");
	view_tests(h, row);
}

static void
view_earlier(struct html *h, const json_t *rows)
{
	static const char *const head[] = { "when", "architecture",
		"#answers after", "#least memory", "asked", NULL };
	const json_t *row;
	size_t i;

	if (json_array_size(rows) < 2)
		return;
	view_table(h, "All that was recorded of it", head);
	json_array_foreach(rows, i, row)
	{
		html_open(h, "tr", NULL);
		view_td_time(h, m_int(row, "at"));
		view_td(h, m_str(row, "arch"));
		html_open(h, "td", "class", "number", NULL);
		proof_view_answer(h, row);
		html_close(h, "td");
		html_open(h, "td", "class", "number", NULL);
		proof_view_least(h, row);
		html_close(h, "td");
		html_open(h, "td", NULL);
		proof_view_asked(h, row);
		html_close(h, "td");
		html_close(h, "tr");
	}
	view_table_end(h);
}

void
proof_view(struct html *h, const json_t *m)
{
	const json_t *rows = json_object_get(m, "proofs");

	if (json_array_size(rows) == 0 &&
	    json_array_size(json_object_get(m, "files")) == 0)
		return;
	view_section(h, "Proof", "proof");
	if (json_array_size(rows) == 0) {
		html_element(h, "p",
		    "Nobody has measured it: how soon it answers, with how "
		    "little memory, and whether it does what it should.",
		    "class", "empty", NULL);
	} else {
		view_newest(h, json_array_get(rows, 0));
		view_earlier(h, rows);
	}
	view_section_end(h);
}

/* --- over time -------------------------------------------------------------*/

/* Of machines under one emulator, or with its help. */
static size_t
points(struct chart_point *p, const json_t *rows, const char *value,
    const char *accel)
{
	size_t i, n = 0;

	for (i = json_array_size(rows); i-- > 0 && n < CHART_POINTS;) {
		const json_t *r = json_array_get(rows, i);

		if (accel && strcmp(m_str(r, "accel"), accel) != 0)
			continue;
		p[n].at = m_int(r, "at");
		p[n++].value = m_int(r, value);
	}
	return n;
}

void
proof_view_trend(struct html *h, const json_t *m)
{
	const json_t *takes = json_object_get(m, "takes");
	struct chart_point a[CHART_POINTS], b[CHART_POINTS];
	struct chart_series s[2];

	if (json_array_size(takes) == 0)
		return;
	s[0] = (struct chart_series){ "tcg", a,
		points(a, takes, "answer_ms", "tcg") };
	s[1] = (struct chart_series){ "kvm", b,
		points(b, takes, "answer_ms", "kvm") };
	chart_trend(h, "Time to the first answer", s, 2, num_add_duration);
	s[0] = (struct chart_series){ "least", a,
		points(a, takes, "least", NULL) };
	s[1] = (struct chart_series){ "given", b,
		points(b, takes, "memory", NULL) };
	chart_trend(h, "Memory", s, 2, num_add_size);
}
