#include "builder/plan/why.h"

#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"

#define SHOWN 3

static void
part(struct buf *b, const char *text)
{
	buf_printf(b, "%s%s", b->len ? "; " : "", text);
}

static bool
has(const json_t *list, const json_t *one)
{
	const json_t *other;
	size_t i;

	json_array_foreach(
	    list, i, other) if (json_equal(other, one)) return true;
	return false;
}

/* Names of entries that are not in the other list with the same digest. */
static void
list_changes(const json_t *old, const json_t *new, const char *key,
    const char *title, struct buf *b)
{
	auto_buf struct buf names = BUF_INIT;
	const json_t *one;
	size_t i, n = 0;

	json_array_foreach(new, i, one)
	{
		if (has(old, one))
			continue;
		if (n++ < SHOWN)
			buf_printf(&names, "%s%s", names.len ? ", " : "",
			    json_string_value(json_object_get(one, key)));
	}
	if (n > SHOWN)
		buf_printf(&names, " and %zu more", n - SHOWN);
	if (n == 0)
		buf_str(&names, "fewer");
	buf_printf(b, "%s%s: %s", b->len ? "; " : "", title, names.data);
}

/* With versions, as far as the locks tell: "" when they do not. */
static void
versions(
    const struct lock_changes *changes, const char *lock_part, struct buf *b)
{
	struct lock_changes some = { 0 };

	for (size_t i = 0; changes && i < changes->n; i++) {
		if (strcmp(changes->v[i].part, lock_part) != 0)
			continue;
		MEM_GROW(some.v, some.n, some.cap);
		some.v[some.n++] = changes->v[i];
	}
	lock_changes_text(&some, SHOWN, b);
	lock_changes_release(&some);
}

void
plan_why(const struct plan *old, const struct plan *new,
    const struct lock_changes *changes, struct buf *b)
{
	static const struct {
		const char *member, *key, *title;
	} lists[] = {
		{ "packages", "name", "packages" },
		{ "sources", "file", "sources" },
		{ "uses", "output", "outputs it uses" },
		{ "tree", "path", "the recipe's files" },
	};
	static const struct {
		const char *member, *title;
	} others[] = {
		{ "policy", "kiln's own rules of building" },
		{ "clock", "the recipe's clock" },
		{ "script", "the recipe's script" },
		{ "outputs", "the declared outputs" },
		{ "files", "the image's files" },
		{ "arch", "the architecture" },
		{ "on", "the machine's architecture" },
	};
	auto_buf struct buf text = BUF_INIT;

	if (!old) {
		buf_str(b, "its first plan");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const json_t *a = json_object_get(old->json, lists[i].member);
		const json_t *c = json_object_get(new->json, lists[i].member);

		auto_buf struct buf known = BUF_INIT;

		if (json_equal(a, c))
			continue;
		if (i < 2)
			versions(changes,
			    i == 0 ? recipe_stage_name(new->stage) : "source",
			    &known);
		if (known.len)
			buf_printf(&text, "%s%s: %s", text.len ? "; " : "",
			    lists[i].title, known.data);
		else
			list_changes(a, c, lists[i].key, lists[i].title, &text);
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		const json_t *a = json_object_get(old->json, others[i].member);
		const json_t *c = json_object_get(new->json, others[i].member);

		if ((a || c) && !json_equal(a, c))
			part(&text, others[i].title);
	}
	buf_str(b, text.len ? text.data : "nothing");
}
