/* What people asked for of a build: to end it, or to try it again. */
#include "web/pages/build.h"

#include <string.h>

#include "lib/mem.h"
#include "lib/own.h"
#include "web/act.h"
#include "web/model.h"
#include "web/view.h"

static void
one(struct html *h, const json_t *a)
{
	const char *text = m_str(a, "text");

	html_open(h, "li", NULL);
	html_element(h, "b", m_str(a, "kind"), NULL);
	html_textf(h, " of build %lld by %s: ", (long long)m_int(a, "run"),
	    m_str(a, "by"));
	html_element(h, "q", m_str(a, "reason"), NULL);
	html_text(h, " ");
	view_ago(h, m_int(a, "at"));
	html_textf(
	    h, ". %s.", text[0] ? text : "The builder has not taken it yet");
	html_close(h, "li");
}

static void
list(struct html *h, const json_t *m)
{
	static const char *const parts[] = { "asked_not_taken", "asked" };
	const json_t *a, *held = m_first(m, "cancelled");
	size_t i, k;

	if (held) {
		html_open(h, "p", "class", "alert", NULL);
		html_textf(h,
		    "Cancelled by %s: %s. It is held until somebody asks for "
		    "it again.",
		    m_str(held, "by"), m_str(held, "reason"));
		html_close(h, "p");
	}
	html_open(h, "ul", "class", "plain", NULL);
	for (k = 0; k < ARRAY_LEN(parts); k++)
		json_array_foreach(json_object_get(m, parts[k]), i, a)
		    one(h, a);
	html_close(h, "ul");
}

static void
form(struct html *h, const json_t *m, const char *kind, const char *button)
{
	const json_t *r = json_object_get(m, "run");
	auto_free char *id = mem_printf("%lld", (long long)m_int(r, "id"));

	act_open(h, m, "/operate", kind);
	act_hidden(h, "run", id);
	act_field(h, "Reason", "reason", 500, true);
	act_close(h, button, NULL);
}

/* What the builder would take; it judges for itself. */
static bool
can_retry(const json_t *m)
{
	const char *verdict = m_str(json_object_get(m, "run"), "verdict");

	return m_first(m, "cancelled") || strcmp(verdict, "failed") == 0 ||
	       strcmp(verdict, "inconclusive") == 0;
}

void
build_view_asked(struct html *h, const json_t *m)
{
	const char *state = m_str(json_object_get(m, "run"), "state");
	bool hand =
	    strcmp(state, "running") == 0 || strcmp(state, "queued") == 0;
	bool may = act_may(m, RANK_OPERATOR);
	bool some = m_first(m, "asked") || m_first(m, "asked_not_taken") ||
		    m_first(m, "cancelled");

	if (some) {
		view_section(h, "Asked for", "asked");
		list(h, m);
		view_section_end(h);
	}
	if (may && hand)
		form(h, m, "cancel", "Cancel");
	if (may && !hand && can_retry(m))
		form(h, m, "retry", "Try again");
}
