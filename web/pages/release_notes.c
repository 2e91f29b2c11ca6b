#include "web/pages/release_notes.h"

#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "web/model.h"
#include "web/pages/changes.h"
#include "web/routers.h"
#include "web/view.h"

#define CHIPS 20 /* of security updates; the rest stands in the list */

/* --- what is known ---------------------------------------------------------*/

/* {service: image} of a set. */
static json_t *
images_of(const json_t *set)
{
	json_t *out = json_object();
	const json_t *s, *kernel = json_object_get(set, "kernel");
	size_t i;

	json_array_foreach(json_object_get(set, "services"), i, s)
	    js_set_str(out, m_str(s, "service"), m_str(s, "image"));
	if (kernel)
		js_set_str(out, "kernel", m_str(kernel, "vmlinuz"));
	return out;
}

/* What kiln-tuf knows of an image: "version", "release"; or NULL. */
static const json_t *
known(const json_t *versions, const char *image)
{
	const json_t *v;
	size_t i;

	json_array_foreach(versions, i, v)
	{
		if (image && strcmp(m_str(v, "image"), image) == 0)
			return v;
	}
	return NULL;
}

static void
add_note(json_t *notes, const char *service, const char *old, const char *new,
    const json_t *versions)
{
	json_t *n = json_object();

	js_set_str(n, "service", service);
	js_set_str(n, "old", old);
	js_set_str(n, "new", new);
	js_set_str(n, "old_version",
	    old ? m_str(known(versions, old), "version") : NULL);
	js_set_str(n, "new_version",
	    new ? m_str(known(versions, new), "version") : NULL);
	json_array_append_new(notes, n);
}

/* What a set has other than the one before it in its channel. */
static json_t *
notes(json_t *now, json_t *before, const json_t *versions)
{
	json_t *out = json_array(), *v;
	const char *service;

	json_object_foreach(now, service, v)
	{
		const char *old =
		    json_string_value(json_object_get(before, service));

		if (old && strcmp(old, json_string_value(v)) == 0)
			continue;
		add_note(out, service, old, json_string_value(v), versions);
	}
	json_object_foreach(before, service, v)
	{
		if (json_object_get(now, service) == NULL)
			add_note(
			    out, service, json_string_value(v), NULL, versions);
	}
	return out;
}

/* When the lock was made that a release was built from, and whose it is; 0 in
 * *made_at: the builder does not know. */
static int
lock_of(struct web *w, const json_t *k, char recipe[128], int64_t *made_at,
    struct err *err)
{
	static const char sql[] =
	    "SELECT p.recipe, l.made_at FROM release r JOIN plan p ON p.digest"
	    " = r.plan JOIN lock l ON l.digest = p.lock WHERE r.digest = ?1";
	auto_stmt struct stmt *q = db_stmt(w->farm, sql);
	int got;

	*made_at = 0;
	stmt_bind_str(q, 1, m_str(k, "release"));
	if ((got = stmt_step(q, err)) != 1)
		return got;
	snprintf(recipe, 128, "%s", stmt_str(q, 0));
	*made_at = stmt_int(q, 1);
	return 0;
}

/* Locks follow each other: of what changed more than once the first version
 * and the last are kept. */
static void
fold(json_t *all, json_t *rows)
{
	json_t *c, *seen;
	size_t i;

	json_array_foreach(rows, i, c)
	{
		auto_free char *key =
		    mem_printf("%s %s", m_str(c, "part"), m_str(c, "package"));

		seen = json_object_get(all, key);
		if (seen == NULL) {
			json_object_set(all, key, c);
			continue;
		}
		js_set(seen, "new", json_incref(json_object_get(c, "new")));
		js_set(seen, "suite", json_incref(json_object_get(c, "suite")));
		if (m_int(c, "security"))
			js_set_int(seen, "security", 1);
	}
}

/* What the locks of a service have other between two images of it; the
 * security updates of it once more, each package once. */
static int
add_changes(
    json_t *note, struct web *w, const json_t *versions, struct err *err)
{
	static const char sql[] =
	    "SELECT c.part, c.package, c.old, c.new, c.suite, c.security FROM"
	    " lock l JOIN lock_change c ON c.event = l.event AND c.recipe ="
	    " l.recipe WHERE l.recipe = ?1 AND l.made_at > ?2 AND l.made_at <="
	    " ?3 ORDER BY l.made_at, c.security DESC, c.package, c.part"
	    " LIMIT 2000";
	static const char *const cols[] = { "part", "package", "old", "new",
		"suite", "#security", NULL };
	const json_t *old = known(versions, m_str(note, "old"));
	const json_t *new = known(versions, m_str(note, "new"));
	auto_json json_t *all = json_object(), *told = json_object();
	auto_json json_t *rows = NULL;
	json_t *changes = json_array(), *security = json_array(), *c;
	const char *key;
	char recipe[128];
	int64_t from, to;

	js_set(note, "changes", changes);
	js_set(note, "security", security);
	if (old == NULL || new == NULL || w->farm == NULL)
		return 0;
	if (lock_of(w, old, recipe, &from, err) == -1 ||
	    lock_of(w, new, recipe, &to, err) == -1)
		return -1;
	if (from == 0 || to <= from)
		return 0;
	auto_stmt struct stmt *q = db_stmt(w->farm, sql);

	stmt_bind_str(q, 1, recipe);
	stmt_bind_int(q, 2, from);
	stmt_bind_int(q, 3, to);
	if ((rows = model_rows(w->farm, q, cols, err)) == NULL)
		return -1;
	fold(all, rows);
	json_object_foreach(all, key, c)
	{
		if (strcmp(m_str(c, "old"), m_str(c, "new")) == 0)
			continue; /* there and back again */
		json_array_append(changes, c);
		if (!m_int(c, "security") ||
		    json_object_get(told, m_str(c, "package")))
			continue;
		js_set_bool(told, m_str(c, "package"), true);
		json_array_append(security, c);
	}
	return 0;
}

static int
add_notes(json_t *m, struct web *w, const json_t *versions, struct err *err)
{
	json_t *sets = json_object_get(m, "sets"), *s, *note;
	auto_json json_t *before = json_object(); /* of each channel, newest */
	int64_t n;
	size_t i, k;

	/* From the oldest on, so that each meets the one before it. */
	for (i = json_array_size(sets); i-- > 0;) {
		struct err ignored = ERR_INIT;
		auto_free char *where = NULL;
		const char *bytes;
		json_t *set, *now;

		s = json_array_get(sets, i);
		bytes = m_str(s, "bytes");
		set = js_parse("set", bytes, strlen(bytes), &ignored);
		now = images_of(set);
		where =
		    mem_printf("%s %s", m_str(s, "channel"), m_str(s, "arch"));
		js_set(s, "notes",
		    notes(now, json_object_get(before, where), versions));
		js_set(before, where, now);
		json_array_foreach(json_object_get(s, "notes"), k, note)
		{
			if (add_changes(note, w, versions, err) == -1)
				return -1;
		}
		js_set(s, "set", set ? set : json_null());
		json_object_del(s, "bytes");
		n = routers_of_set(w->web, m_str(s, "digest"), err);
		if (n == -1)
			return -1;
		js_set_int(s, "routers", n);
	}
	return 0;
}

int
release_notes_add(json_t *m, struct web *w, struct err *err)
{
	static const char sql[] =
	    "SELECT t.sha256, r.service, r.version, r.digest FROM"
	    " release_target t JOIN release r ON r.digest = t.release"
	    " ORDER BY r.at DESC LIMIT 1000";
	static const char *const cols[] = { "image", "service", "version",
		"release", NULL };
	auto_json json_t *all = json_object();

	if (model_add(all, "versions", w->tuf, sql, cols, err) == -1)
		return -1;
	return add_notes(m, w, json_object_get(all, "versions"), err);
}

/* --- what is shown ---------------------------------------------------------*/

void
release_note_view(struct html *h, const json_t *n)
{
	const char *old = m_str(n, "old"), *new = m_str(n, "new");
	const char *ov = m_str(n, "old_version"), *nv = m_str(n, "new_version");
	size_t changed = json_array_size(json_object_get(n, "changes")), i;
	const json_t *c;

	html_open(h, "li", NULL);
	view_brick(h, new);
	html_element(h, "b", m_str(n, "service"), NULL);
	html_text(h, " ");
	if (old[0] == '\0') {
		html_textf(h, "is new: %s ", nv);
	} else if (new[0] == '\0') {
		html_element(h, "span", "is gone", "class", "diff-del", NULL);
	} else if (strcmp(ov, nv) == 0) {
		html_textf(h, "%s, baked anew from other inputs ", nv);
	} else {
		html_textf(h, "%s \xe2\x86\x92 %s ", ov, nv);
	}
	view_artifact(h, new);
	json_array_foreach(json_object_get(n, "security"), i, c)
	{
		if (i == CHIPS)
			break;
		html_text(h, " ");
		html_say(h, "span", "chip security", "security: %s %s",
		    m_str(c, "package"), m_str(c, "new"));
	}
	if (changed) {
		html_open(h, "details", NULL);
		html_say(h, "summary", NULL, "%zu %s of its inputs", changed,
		    changed == 1 ? "change" : "changes");
		changes_view(h, "What its lock has other",
		    json_object_get(n, "changes"));
		html_close(h, "details");
	}
	html_close(h, "li");
}
