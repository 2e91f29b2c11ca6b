#include "web/act.h"

#include <stdio.h>

#include "lib/json.h"
#include "web/model.h"

void
act_know(const struct req *req, json_t *m)
{
	json_t *me = json_object();

	if (req->who.rank == RANK_NOBODY) {
		json_decref(me);
		return;
	}
	js_set_str(me, "name", req->who.name);
	js_set_str(me, "rank", rank_name(req->who.rank));
	js_set(m, "me", me);
	if (!req->json && req->who.csrf[0])
		js_set_str(m, "csrf", req->who.csrf);
}

bool
act_may(const json_t *m, enum rank need)
{
	return m_str(m, "csrf")[0] &&
	       rank_of(m_str(json_object_get(m, "me"), "rank")) >= need;
}

void
act_hidden(struct html *h, const char *name, const char *value)
{
	html_void(
	    h, "input", "type", "hidden", "name", name, "value", value, NULL);
}

void
act_open(struct html *h, const json_t *m, const char *action, const char *kind)
{
	html_open(h, "form", "class", "line", "method", "post", "action",
	    action, NULL);
	act_hidden(h, "csrf", m_str(m, "csrf"));
	if (kind)
		act_hidden(h, "kind", kind);
}

void
act_field(
    struct html *h, const char *label, const char *name, int max, bool required)
{
	char most[12];

	snprintf(most, sizeof(most), "%d", max);
	html_open(h, "label", NULL);
	html_text(h, label);
	html_void(h, "input", "type", "text", "name", name, "maxlength", most,
	    "autocomplete", "off", "required", required ? "" : NULL, NULL);
	html_close(h, "label");
}

void
act_close(struct html *h, const char *button, const char *cls)
{
	html_element(h, "button", button, "type", "submit", "class", cls, NULL);
	html_close(h, "form");
}
