#include "builder/inputs/lock_closure.h"

#include <stdlib.h>
#include <string.h>

#include "builder/inputs/index.h"
#include "lib/mem.h"
#include "lib/own.h"

/* What a script of a Debian package, or an upstream's configure, takes for
 * granted; of the Essential set only what works without an installed system.
 * A change here changes every request and makes every recipe lock again. */
const char *const lock_base[] = { "base-files", "base-passwd", "bash", "bzip2",
	"coreutils", "dash", "debianutils", "diffutils", "findutils", "grep",
	"gzip", "hostname", "libc-bin", "mawk", "sed", "tar", "xz-utils",
	NULL };

const char *
lock_machine(const struct lock_request *rq)
{
	return rq->on ? rq->on : rq->arch;
}

void
lock_roots(const char *const *v, size_t n, struct lock_names *out)
{
	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		lock_names_add(out, v[i]);
	for (size_t i = 0; lock_base[i]; i++)
		lock_names_add(out, lock_base[i]);
	lock_names_sort(out);
}

/* Those that are of the machine, or those of what is built for. */
static void
some(const char *const *v, size_t n, bool foreign, struct lock_names *out)
{
	for (size_t i = 0; i < n; i++) {
		size_t plain = lock_package_plain(v[i]);
		auto_free char *name = mem_strn(v[i], plain);

		if ((v[i][plain] != '\0') == foreign)
			lock_names_add(out, name);
	}
}

/*
 * The other architecture's closure beside the machine's.  What is of no
 * architecture is there once; the machine's own programs are what runs, so
 * that a package both have is two, and env_tree.h says whose files count.
 */
static void
add_foreign(struct lock_packages *to, struct lock_packages *from)
{
	size_t own = to->n;

	for (size_t i = 0; i < from->n; i++) {
		struct lock_package *p = &from->v[i];
		bool all = strcmp(p->arch, "all") == 0, there = false;
		char *name;

		for (size_t k = 0; all && k < own && !there; k++)
			there = strcmp(to->v[k].name, p->name) == 0;
		if (there) {
			lock_package_release(p);
			continue;
		}
		if (!all) {
			name = mem_printf("%s:%s", p->name, p->arch);
			free(p->name);
			p->name = name;
		}
		MEM_GROW(to->v, to->n, to->cap);
		to->v[to->n++] = *p;
	}
	free(from->v);
	*from = (struct lock_packages){ 0 };
}

static int
solve_for(struct worker *w, const char *arch, const struct lock_names *l,
    struct lock_packages *out, struct lock_names *consulted, struct err *err)
{
	return index_solve(
	    w, arch, (const char *const *)l->v, l->n, out, consulted, err);
}

int
lock_closure(struct worker *w, const struct lock_request *rq,
    const char *const *names, size_t n, struct lock_packages *out,
    struct lock_names *consulted, struct err *err)
{
	struct lock_names from = { 0 }, own = { 0 }, other = { 0 };
	struct lock_packages foreign = { 0 };
	int r;

	if (n == 0)
		return 0;
	some(names, n, false, &own);
	some(names, n, true, &other);
	/* Where only the other's are named, there still is an environment. */
	if (own.n == 0)
		lock_names_add(&own, lock_base[0]);
	lock_roots((const char *const *)own.v, own.n, &from);
	r = solve_for(w, lock_machine(rq), &from, out, consulted, err);
	if (r == 0 && other.n > 0) {
		r = solve_for(w, rq->arch, &other, &foreign, consulted, err);
		if (r == 0)
			add_foreign(out, &foreign);
	}
	lock_packages_release(&foreign);
	lock_names_release(&from);
	lock_names_release(&own);
	lock_names_release(&other);
	return r;
}
