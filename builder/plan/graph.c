/* Depth first, in the order of names; the path from the start is the cycle's
 * text when a recipe on it is met again. */
#include "builder/plan/graph.h"

#include <string.h>

#include "lib/buf.h"
#include "lib/mem.h"
#include "lib/own.h"

enum colour { WHITE, ON_PATH, DONE };

struct search {
	struct recipes *all;
	enum colour *colour;
	size_t *path; /* indexes */
	size_t depth, norder;
};

/* "a -> b -> a", with the smallest name first so that every run of the
 * program says the same. */
static void
hold_cycle(struct search *s, size_t from)
{
	auto_buf struct buf text = BUF_INIT;
	size_t n = s->depth - from, first = 0;

	for (size_t i = 1; i < n; i++)
		if (s->path[from + i] < s->path[from + first])
			first = i;
	for (size_t i = 0; i <= n; i++)
		buf_printf(&text, "%s%s", i ? " -> " : "",
		    s->all->v[s->path[from + (first + i) % n]].name);
	for (size_t i = from; i < s->depth; i++)
		recipe_hold(&s->all->v[s->path[i]], true,
		    "%s/recipe.yaml: uses go in a circle: %s",
		    s->all->v[s->path[i]].folder, text.data);
}

static void
visit(struct search *s, size_t at)
{
	struct recipe *r = &s->all->v[at];

	s->colour[at] = ON_PATH;
	s->path[s->depth++] = at;
	for (size_t i = 0; r->conf && i < r->nuses; i++) {
		struct recipe *used = recipes_find(s->all, r->uses[i].from);
		size_t next;

		if (!used)
			continue;
		next = (size_t)(used - s->all->v);
		if (s->colour[next] == WHITE)
			visit(s, next);
		if (s->colour[next] == ON_PATH) {
			size_t from = 0;

			while (s->path[from] != next)
				from++;
			hold_cycle(s, from);
		} else if (used->error) {
			recipe_hold(r, false, "waits for %s, which is held",
			    used->name);
		}
	}
	s->depth--;
	s->colour[at] = DONE;
	s->all->order[s->norder++] = at;
}

void
graph_order(struct recipes *all)
{
	struct search s = { .all = all };
	auto_free enum colour *colour = mem_zero(all->n + 1, sizeof(*colour));
	auto_free size_t *path = mem_zero(all->n + 1, sizeof(*path));

	s.colour = colour;
	s.path = path;
	free(all->order);
	all->order = mem_zero(all->n + 1, sizeof(*all->order));
	for (size_t i = 0; i < all->n; i++)
		if (colour[i] == WHITE)
			visit(&s, i);
}
