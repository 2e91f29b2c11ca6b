/* What stands, service by service: how large, how soon it answers, with how
 * little memory, and who asked it. */
#include <string.h>

#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/frame.h"
#include "web/pages/pages.h"
#include "web/pages/proof.h"

#define PARTS_SHOWN 4

static json_t *
model(struct req *req, struct err *err)
{
	static const char sql[] =
	    "SELECT recipe, verdict, image, bytes, image_max, release, record,"
	    " at, arch, script, passed, failed, kernel, kernel_recipe, accel,"
	    " memory, answer_ms, least FROM proven ORDER BY recipe LIMIT 1000";
	static const char *const cols[] = { "recipe", "verdict", "image",
		"#bytes", "#image_max", "release", "record", "#at", "arch",
		"script", "#passed", "#failed", "kernel", "kernel_recipe",
		"accel", "#memory", "#answer_ms", "#least", NULL };
	auto_json json_t *m = json_object();
	struct web *w = req->web;
	json_t *row;
	size_t i;

	if (model_add(m, "services", w->farm, sql, cols, err) == -1)
		return NULL;
	json_array_foreach(json_object_get(m, "services"), i, row)
	{
		auto_json json_t *release =
		    model_record(w, m_str(row, "release"));

		js_set_str(row, "version", m_str(release, "version"));
		if (m_str(row, "arch")[0] == '\0')
			js_set_str(row, "arch", m_str(release, "arch"));
		proof_add_record(row, w);
		/* They are on the image's page. */
		json_object_del(row, "tests");
	}
	js_set_int(m, "refresh", 60);
	return json_incref(m);
}

static void
view_bytes(struct html *h, const json_t *row)
{
	if (m_str(row, "image")[0]) {
		auto_buf struct buf size = BUF_INIT;

		num_add_size(&size, m_int(row, "bytes"));
		html_link(h, size.data, "/image/%s", m_str(row, "image"));
	} else {
		view_size(h, m_int(row, "bytes"));
	}
}

static void
view_row(struct html *h, const json_t *row)
{
	bool known = m_str(row, "record")[0] != '\0';

	html_open(h, "tr", NULL);
	html_open(h, "td", NULL);
	view_recipe(h, m_str(row, "recipe"));
	html_say(h, "div", "soft", "%s %s", m_str(row, "version"),
	    m_str(row, "arch"));
	html_close(h, "td");
	html_open(h, "td", "class", "number", NULL);
	view_bytes(h, row);
	html_close(h, "td");
	html_open(h, "td", "class", "number", NULL);
	if (m_int(row, "image_max"))
		view_size(h, m_int(row, "image_max"));
	html_close(h, "td");
	html_open(h, "td", NULL);
	proof_view_parts(h, row, PARTS_SHOWN);
	html_close(h, "td");
	html_open(h, "td", "class", "number", NULL);
	proof_view_answer(h, row);
	html_close(h, "td");
	html_open(h, "td", "class", "number", NULL);
	proof_view_least(h, row);
	html_close(h, "td");
	html_open(h, "td", NULL);
	view_verdict(h, m_str(row, "verdict"));
	html_close(h, "td");
	html_open(h, "td", NULL);
	if (known) {
		proof_view_asked(h, row);
		html_open(h, "div", "class", "soft", NULL);
		view_ago(h, m_int(row, "at"));
		html_close(h, "div");
	} else {
		html_element(
		    h, "span", "not measured yet", "class", "soft", NULL);
	}
	html_close(h, "td");
	html_close(h, "tr");
}

static void
view(struct html *h, const json_t *m)
{
	static const char *const head[] = { "service", "#bytes", "#budget",
		"trusted code, by origin", "#answers after", "#least memory",
		"verdict", "asked", NULL };
	const json_t *rows = json_object_get(m, "services"), *row;
	size_t i, known = 0;

	json_array_foreach(rows, i, row) known += m_str(row, "record")[0] != 0;
	html_element(h, "p",
	    "What a service takes, as it was measured in a machine of its own: "
	    "from starting the emulator to the first answer, and the least "
	    "memory with which it still gives one.",
	    "class", "lede", NULL);
	view_section(h, "Services", "services");
	if (json_array_size(rows) == 0) {
		html_element(
		    h, "p", "No image stands yet.", "class", "empty", NULL);
	} else {
		html_say(h, "p", "note", "%zu of %zu are measured.%s", known,
		    json_array_size(rows),
		    known ? ""
			  : " Who runs one records it with `kiln proof "
			    "record`.");
		view_table(h, "What each service takes", head);
		json_array_foreach(rows, i, row) view_row(h, row);
		view_table_end(h);
	}
	view_section_end(h);
}

void
page_proofs(struct req *req, struct reply *re)
{
	static const struct page page = { .title = "Proofs",
		.section = "/recipes",
		.live = true,
		.model = model,
		.view = view };

	page_reply(req, re, &page);
}
