/*
 * bench_touched: which of many recipes does a changed archive touch?
 *
 *	bench_touched STATE OLD NEW SOURCES NAMES N
 *
 * STATE is a copy of a farm, whose rows of recipes and locks are replaced;
 * OLD and NEW digests of two Packages.xz in its store, SOURCES one of a
 * Sources.xz, NAMES a file with a package's name on each line.  N recipes ask
 * for a few packages each, by a fixed lot; at most KINDS of them are solved,
 * the others ask for the same under names of their own.
 *
 * From the new index's bytes in the store to the list of touched recipes, as
 * kiln-builder goes after a poll: the new index is read, its facts compared
 * with those of the old one, which are kept since its locks were made, and all
 * locks are asked.  Then once more with nothing kept, which has to name the
 * same.  Then solves all afresh and fails if any that was said to hold has
 * another closure.
 *
 * Prints: recipes, touched, other closures, ms of the whole, of it ms to read,
 * compare, ask; ms of the whole with nothing kept; ms to solve all.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/inputs/index.h"
#include "builder/inputs/lock_keep.h"
#include "builder/inputs/worker.h"
#include "builder/schema.h"
#include "lib/db.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/store.h"
#include "lib/tree.h"

#define KINDS 1000
#define ARCH "amd64"

struct names {
	char **v;
	size_t n, cap;
};

struct kind {
	const char *want[24];
	size_t n;
	struct lock_names consulted;
	struct hash closure;
	bool good;
};

static struct workers workers = WORKERS_INIT;
static struct deb_archive archive;
static struct kind kinds[KINDS];
static uint64_t lot = 88172645463325252u;

static size_t
draw(size_t below)
{
	lot ^= lot << 13;
	lot ^= lot >> 7;
	lot ^= lot << 17;
	return (size_t)(lot % below);
}

static void
must(int rc, const struct err *err)
{
	if (rc != -1)
		return;
	fprintf(stderr, "bench_touched: %s\n", err->msg);
	exit(1);
}

static void
read_names(const char *path, struct names *out)
{
	FILE *f = fopen(path, "r");
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		MEM_GROW(out->v, out->n, out->cap);
		out->v[out->n++] = mem_str(line);
	}
	if (!f || out->n == 0) {
		fprintf(stderr, "bench_touched: no names in %s\n", path);
		exit(1);
	}
	fclose(f);
}

static int
by_name(const void *a, const void *b)
{
	const struct lock_package *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : strcmp(x->arch, y->arch);
}

/* False: packages that exclude each other. */
static bool
solve(const struct kind *k, struct lock_names *consulted, struct hash *closure)
{
	struct lock_packages p = { 0 };
	struct lock_names none = { 0 };
	struct err err = ERR_INIT;
	struct hasher h;
	bool ok = index_solve(&workers.index, ARCH, k->want, k->n, &p,
		      consulted ? consulted : &none, &err) == 0;

	if (!ok && err.cls != ERR_INPUT)
		must(-1, &err);
	if (p.n)
		qsort(p.v, p.n, sizeof(*p.v), by_name);
	hasher_init(&h);
	for (size_t i = 0; i < p.n; i++) {
		hasher_field(&h, p.v[i].name, strlen(p.v[i].name));
		hasher_field(&h, &p.v[i].sha256, sizeof(p.v[i].sha256));
	}
	hasher_end(&h, closure);
	lock_packages_release(&p);
	lock_names_release(&none);
	return ok;
}

static void
make_kinds(const struct names *names, size_t n)
{
	extern const char *const lock_base[];

	for (size_t i = 0; i < n; i++) {
		struct kind *k = &kinds[i];

		while (!k->good) {
			lock_names_release(&k->consulted);
			k->n = 0;
			while (lock_base[k->n]) {
				k->want[k->n] = lock_base[k->n];
				k->n++;
			}
			for (size_t m = 2 + draw(4); m > 0; m--)
				k->want[k->n++] = names->v[draw(names->n)];
			k->good = solve(k, &k->consulted, &k->closure);
		}
		lock_names_sort(&k->consulted);
	}
}

static void
add_recipe(struct db *db, size_t i, const struct lock_set *old)
{
	static const char sql[] =
	    "INSERT INTO recipe (name, kind, summary, tree, lock, loaded_at)"
	    " VALUES (?1, 'source', '', ?2, ?2, 0)";
	auto_free char *name = mem_printf("recipe-%05zu", i);
	struct err err = ERR_INIT;
	struct hash lock;

	hash_bytes(&lock, name, strlen(name));
	{
		auto_stmt struct stmt *q = db_stmt(db, sql);

		stmt_bind_str(q, 1, name);
		stmt_bind_hash(q, 2, &lock);
		must(stmt_run(q, &err), &err);
	}
	must(lock_kept(&archive, &lock, old, &kinds[i % KINDS].consulted, NULL,
		 0, &err),
	    &err);
}

/* Is that recipe's lock known to hold for the new indexes? */
static bool
holds(struct db *db, size_t i, const char *now)
{
	static const char sql[] =
	    "SELECT k.indexes = ?2 FROM recipe r JOIN lock_kept k"
	    " ON k.lock = r.lock WHERE r.name = ?1";
	auto_free char *name = mem_printf("recipe-%05zu", i);
	auto_stmt struct stmt *q = db_stmt(db, sql);
	struct err err = ERR_INIT;

	stmt_bind_str(q, 1, name);
	stmt_bind_str(q, 2, now);
	must(stmt_step(q, &err) == 1 ? 0 : -1, &err);
	return stmt_int(q, 0) == 1;
}

static void
set_of(const char *packages, const char *sources, struct lock_set *out)
{
	*out = (struct lock_set){ .n = 1 };
	snprintf(out->v[0].name, sizeof(out->v[0].name), "bookworm");
	if (!hash_parse(&out->v[0].packages, packages) ||
	    !hash_parse(&out->v[0].sources, sources)) {
		fprintf(stderr, "bench_touched: not a digest\n");
		exit(2);
	}
}

struct parts {
	int64_t read, compare, ask; /* ms */
	size_t held, touched;
};

static void
run(const struct lock_set *old, const struct lock_set *now, struct parts *p)
{
	struct err err = ERR_INIT;
	int64_t t[4];

	lock_keep_forget(archive.news);
	archive.news = NULL;
	t[0] = time_mono_ms();
	lock_set_facts(&archive, now, false);
	t[1] = time_mono_ms();
	(void)lock_news_between(&archive, ARCH, old, now, false);
	t[2] = time_mono_ms();
	must(lock_keep_all(&archive, ARCH, now, &p->held, &p->touched, &err),
	    &err);
	t[3] = time_mono_ms();
	p->read = t[1] - t[0];
	p->compare = t[2] - t[1];
	p->ask = t[3] - t[2];
}

/* Every lock is known to hold for the old indexes alone, as at first. */
static void
stand_again(struct db *db, const struct lock_set *old)
{
	static const char sql[] = "UPDATE lock_kept SET indexes = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	lock_set_text(old, &text);
	stmt_bind_str(q, 1, text.data);
	must(stmt_run(q, &err), &err);
}

int
main(int argc, char **argv)
{
	auto_buf struct buf now_text = BUF_INIT;
	auto_free char *path = NULL;
	auto_db struct db *db = NULL;
	auto_fd int state = -1, dir = -1, work = -1;
	struct names names = { 0 };
	struct lock_set old, now;
	struct err err = ERR_INIT;
	struct parts warm, cold;
	int64_t all, n;
	size_t other = 0, nkinds;

	if (argc == 3 && strcmp(argv[1], "-x") == 0)
		return worker_main(argv[2]);
	if (argc != 7 || num_int(argv[6], 1, 1000000, &n, &err) == -1) {
		fprintf(stderr, "usage: bench_touched STATE OLD NEW SOURCES"
				" NAMES N\n");
		return 2;
	}
	must(workers_start(&workers, &err), &err);
	path = mem_printf("%s/farm.db", argv[1]);
	db = db_open(path, farm_migrations, farm_migrations_count, &err);
	must(db ? 0 : -1, &err);
	state = dir_open(argv[1], &err);
	must(state, &err);
	dir = dir_open_at(state, "store", &err);
	must(dir, &err);
	work = dir_make_at(state, "work", 0700, &err);
	must(work, &err);
	archive = (struct deb_archive){ .db = db,
		.store = store_open(dir, &err),
		.workers = &workers,
		.tmpdir = work };
	must(archive.store ? 0 : -1, &err);
	set_of(argv[2], argv[4], &old);
	set_of(argv[3], argv[4], &now);
	lock_set_text(&now, &now_text);
	read_names(argv[5], &names);

	must(lock_set_open(&archive, ARCH, &old, false, &err), &err);
	nkinds = n < KINDS ? (size_t)n : KINDS;
	make_kinds(&names, nkinds);
	must(db_exec(db,
		 "PRAGMA synchronous = OFF; DELETE FROM lock_kept;"
		 "DELETE FROM consulted; DELETE FROM recipe",
		 &err),
	    &err);
	for (size_t i = 0; i < (size_t)n; i++)
		add_recipe(db, i, &old);
	must(db_exec(db, "PRAGMA synchronous = FULL", &err), &err);

	/* Nothing of a run before. */
	must(tree_remove_at(archive.tmpdir, "facts", &err), &err);
	lock_set_facts(&archive, &old, false);
	run(&old, &now, &warm);
	stand_again(db, &old);
	must(tree_remove_at(archive.tmpdir, "facts", &err), &err);
	run(&old, &now, &cold);
	if (cold.held != warm.held || cold.touched != warm.touched) {
		fprintf(stderr,
		    "bench_touched: %zu touched, and %zu with nothing kept\n",
		    warm.touched, cold.touched);
		return 1;
	}

	must(lock_set_open(&archive, ARCH, &now, false, &err), &err);
	all = time_mono_ms();
	for (size_t i = 0; i < nkinds; i++) {
		struct hash closure;
		bool same = solve(&kinds[i], NULL, &closure) &&
			    hash_equal(&closure, &kinds[i].closure);

		other += !same;
		if (!same && holds(db, i, now_text.data)) {
			fprintf(stderr,
			    "bench_touched: recipe-%05zu was said to hold, and"
			    " its closure is another\n",
			    i);
			return 1;
		}
	}
	all = (time_mono_ms() - all) * n / (int64_t)nkinds;
	if (warm.held + warm.touched != (size_t)n) {
		fprintf(stderr, "bench_touched: %zu and %zu are not %" PRId64,
		    warm.held, warm.touched, n);
		return 1;
	}
	printf("%" PRId64 " %zu %zu %" PRId64 " %" PRId64 " %" PRId64
	       " %" PRId64 " %" PRId64 " %" PRId64 "\n",
	    n, warm.touched, other, warm.read + warm.compare + warm.ask,
	    warm.read, warm.compare, warm.ask,
	    cold.read + cold.compare + cold.ask, all);
	lock_keep_forget(archive.news);
	store_free(archive.store);
	workers_stop(&workers);
	for (size_t i = 0; i < nkinds; i++)
		lock_names_release(&kinds[i].consulted);
	for (size_t i = 0; i < names.n; i++)
		free(names.v[i]);
	free(names.v);
	return 0;
}
