/* The search for a target through delegations (TUF 5.6.7). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/tuf_check.h"

/* A role still to be searched. */
struct visit {
	const char *role, *parent; /* borrowed from files that stay */
};

struct search {
	const char *path;
	char hex[HASH_HEX]; /* its SHA-256, for hash bins */
	struct visit *stack;
	size_t n, cap;
	const char *visited[TUF_ROLES_MAX];
	size_t nvisited;
};

static bool
was_visited(const struct search *s, const char *role)
{
	for (size_t i = 0; i < s->nvisited; i++)
		if (strcmp(s->visited[i], role) == 0)
			return true;
	return false;
}

/* TUF 5.6.7.2: the first match is to lie on top; nothing beside a matching
 * terminating role and those before it is searched any more. */
static void
push_children(struct search *s, const struct tuf_file *f, const char *role)
{
	size_t from = s->n, to;

	for (size_t i = 0; i < f->nroles; i++) {
		const struct tuf_role *r = &f->roles[i];

		if (!tuf_role_covers_hash(r, s->path, s->hex))
			continue;
		MEM_GROW(s->stack, s->n, s->cap);
		s->stack[s->n++] = (struct visit){ r->name, role };
		if (!r->terminating)
			continue;
		memmove(s->stack, s->stack + from,
		    (s->n - from) * sizeof(*s->stack));
		s->n -= from;
		from = 0;
		break;
	}
	for (to = s->n; from + 1 < to; from++) {
		struct visit v = s->stack[from];

		s->stack[from] = s->stack[--to];
		s->stack[to] = v;
	}
}

static int
search_run(struct search *s, struct tuf_trust *t, tuf_need *need, void *arg,
    const struct tuf_target **found, const char **role, struct err *err)
{
	while (s->n > 0 && s->nvisited < TUF_ROLES_MAX) {
		struct visit v = s->stack[--s->n];
		const struct tuf_file *f;

		if (was_visited(s, v.role))
			continue;
		s->visited[s->nvisited++] = v.role;
		if (!tuf_role(t, v.role) &&
		    need(arg, v.role, v.parent, err) != 0)
			return -1;
		/* By *this* delegator's keys, not by its name: two may name
		 * different keys for one role. */
		f = tuf_role_for(t, v.role, v.parent, err);
		if (!f)
			return -1;
		*found = tuf_target_find(f, s->path);
		if (*found) {
			*role = v.role;
			return 0;
		}
		push_children(s, f, v.role);
	}
	*found = NULL;
	return 0;
}

int
tuf_find(struct tuf_trust *t, const char *path, tuf_need *need, void *arg,
    const struct tuf_target **found, const char **role, struct err *err)
{
	struct search s = { .path = path };
	struct hash h;
	int rc;

	assert(tuf_snapshot(t));
	hash_bytes(&h, path, strlen(path));
	hash_hex(&h, s.hex);
	MEM_GROW(s.stack, s.n, s.cap);
	s.stack[s.n++] = (struct visit){ "targets", "root" };
	rc = search_run(&s, t, need, arg, found, role, err);
	free(s.stack);
	return rc;
}
