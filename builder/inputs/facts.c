#include "builder/inputs/facts.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

void
facts_release(struct facts *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i].names);
	free(f->v);
	*f = (struct facts){ 0 };
}

void
facts_add(struct facts *f, const struct buf *names, const struct hash *what)
{
	MEM_GROW(f->v, f->n, f->cap);
	f->v[f->n++] =
	    (struct fact){ mem_strn(names->data, names->len), *what };
}

/* By names and digest, so that what is the same in both stands at the same
 * place. */
static int
fact_cmp(const void *va, const void *vb)
{
	const struct fact *a = va, *b = vb;
	int c = strcmp(a->names, b->names);

	return c ? c : memcmp(&a->what, &b->what, sizeof(a->what));
}

void
facts_sort(struct facts *f)
{
	if (f->n)
		qsort(f->v, f->n, sizeof(*f->v), fact_cmp);
}

static void
add_names(const struct fact *f, struct lock_names *out)
{
	struct span rest = { f->names, strlen(f->names) }, name;

	while (span_next(&rest, '\n', &name)) {
		char *s = mem_strn(name.p, name.n);

		lock_names_add(out, s);
		free(s);
	}
}

void
facts_diff(const struct facts *a, const struct facts *b, struct lock_names *out)
{
	size_t i = 0, k = 0;

	while (i < a->n || k < b->n) {
		int c = i == a->n   ? 1
			: k == b->n ? -1
				    : fact_cmp(&a->v[i], &b->v[k]);

		if (c < 0)
			add_names(&a->v[i], out);
		else if (c > 0)
			add_names(&b->v[k], out);
		i += c <= 0;
		k += c >= 0;
	}
	lock_names_sort(out);
}
