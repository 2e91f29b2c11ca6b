#include "builder/inputs/lock_keep.h"

#include <stdlib.h>
#include <string.h>

#include "builder/inputs/facts_kept.h"
#include "builder/inputs/index.h"
#include "lib/mem.h"
#include "lib/own.h"

/* The difference of two states, for as long as the builder runs: all recipes
 * of the same suites ask for it in one cycle, and nobody afterwards. */
struct lock_news {
	struct lock_news *next;
	struct hash key;
	bool known; /* false: it could not be told */
	struct lock_names packages, sources;
};

void
lock_keep_forget(struct lock_news *n)
{
	while (n) {
		struct lock_news *next = n->next;

		lock_names_release(&n->packages);
		lock_names_release(&n->sources);
		free(n);
		n = next;
	}
}

/* --- sets of indexes ----------------------------------------------------- */

void
lock_set_of(const struct archive_suite *s, size_t n, const char *on,
    struct lock_set *out)
{
	out->n = n;
	for (size_t i = 0; i < n; i++) {
		bool own = strcmp(s[i].arch, on) == 0;

		snprintf(out->v[i].name, sizeof(out->v[i].name), "%s%s%s",
		    s[i].name, own ? "" : ":", own ? "" : s[i].arch);
		out->v[i].packages = s[i].indexes[ARCHIVE_PACKAGES];
		out->v[i].sources = s[i].indexes[ARCHIVE_SOURCES];
	}
}

int
lock_set_open(struct deb_archive *a, const char *on, const struct lock_set *set,
    bool sources, struct err *err)
{
	struct index_suite v[ARCHIVE_SUITES];
	char *names[ARCHIVE_SUITES];
	int r = 0;

	for (size_t i = 0; i < set->n; i++) {
		const char *name = set->v[i].name, *arch = strchr(name, ':');

		names[i] =
		    mem_strn(name, arch ? (size_t)(arch - name) : strlen(name));
		v[i] = (struct index_suite){
			.name = names[i],
			.arch = arch ? arch + 1 : on,
			.packages = set->v[i].packages,
			.sources = set->v[i].sources,
			.packages_fd = -1,
			.sources_fd = -1,
		};
		if (r == 0)
			r = store_get(
			    a->store, &v[i].packages, &v[i].packages_fd, err);
		if (r == 0 && sources && !arch)
			r = store_get(
			    a->store, &v[i].sources, &v[i].sources_fd, err);
	}
	if (r == 0)
		r = index_open(&a->workers->index, v, set->n, err);
	for (size_t i = 0; i < set->n; i++) {
		free(names[i]);
		own_close(&v[i].packages_fd);
		own_close(&v[i].sources_fd);
	}
	return r;
}

void
lock_set_facts(struct deb_archive *a, const struct lock_set *set, bool sources)
{
	for (size_t i = 0; i < set->n; i++) {
		facts_make(a, &set->v[i].packages);
		if (sources)
			facts_make(a, &set->v[i].sources);
	}
}

void
lock_set_text(const struct lock_set *set, struct buf *b)
{
	for (size_t i = 0; i < set->n; i++) {
		char packages[HASH_HEX], sources[HASH_HEX];

		hash_hex(&set->v[i].packages, packages);
		hash_hex(&set->v[i].sources, sources);
		buf_printf(b, "%s %s %s\n", set->v[i].name, packages, sources);
	}
}

bool
lock_set_parse(const char *text, struct lock_set *out)
{
	struct span rest = span_str(text), line, name, packages;

	out->n = 0;
	while (span_next(&rest, '\n', &line)) {
		auto_free char *p = NULL, *s = NULL;

		if (out->n == ARCHIVE_SUITES || !span_next(&line, ' ', &name) ||
		    !span_next(&line, ' ', &packages) ||
		    name.n >= sizeof(out->v->name))
			return false;
		memcpy(out->v[out->n].name, name.p, name.n);
		out->v[out->n].name[name.n] = '\0';
		p = mem_strn(packages.p, packages.n);
		s = mem_strn(line.p, line.n);
		if (!hash_parse(&out->v[out->n].packages, p) ||
		    !hash_parse(&out->v[out->n].sources, s))
			return false;
		out->n++;
	}
	return true;
}

bool
lock_set_same(const struct lock_set *a, const struct lock_set *b, bool sources)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = strcmp(a->v[i].name, b->v[i].name) == 0 &&
		       hash_equal(&a->v[i].packages, &b->v[i].packages) &&
		       (!sources ||
			   hash_equal(&a->v[i].sources, &b->v[i].sources));
	return same;
}

/* --- what is new --------------------------------------------------------- */

/* One index of a suite, of which either state may be missing. */
static int
diff(struct deb_archive *a, bool sources, const struct hash *old,
    const struct hash *now, struct lock_news *n, struct err *err)
{
	if (old && now && hash_equal(old, now))
		return 0;
	return facts_between(
	    a, old, now, sources ? &n->sources : &n->packages, err);
}

/* Suites that both have must be in the same order in both: of equal versions
 * the earlier suite's is taken. */
static int
compare(struct deb_archive *a, bool sources, const struct lock_set *old,
    const struct lock_set *now, struct lock_news *n, struct err *err)
{
#define INDEX_OF(suite) (sources ? &(suite).sources : &(suite).packages)
	size_t next = 0;

	for (size_t i = 0; i < old->n; i++) {
		const struct hash *was = INDEX_OF(old->v[i]);
		size_t k = 0;

		while (
		    k < now->n && strcmp(old->v[i].name, now->v[k].name) != 0)
			k++;
		if (k < next)
			return err_set(err, ERR_INPUT, "suites changed places");
		for (; k < now->n && next < k; next++)
			if (diff(a, sources, NULL, INDEX_OF(now->v[next]), n,
				err) == -1)
				return -1;
		if (diff(a, sources, was,
			k < now->n ? INDEX_OF(now->v[k]) : NULL, n, err) == -1)
			return -1;
		next += k < now->n;
	}
	for (; next < now->n; next++)
		if (diff(a, sources, NULL, INDEX_OF(now->v[next]), n, err) ==
		    -1)
			return -1;
	return 0;
#undef INDEX_OF
}

static void
find_news(struct deb_archive *a, const struct lock_set *old,
    const struct lock_set *now, bool sources, struct lock_news *n)
{
	struct err err = ERR_INIT;

	/* Old indexes may be gone, a worker may fall: then all is solved,
	 * which says what is wrong if it still is. */
	n->known = compare(a, false, old, now, n, &err) == 0 &&
		   (!sources || compare(a, true, old, now, n, &err) == 0);
	lock_names_sort(&n->packages);
	lock_names_sort(&n->sources);
}

const struct lock_news *
lock_news_between(struct deb_archive *a, const char *arch,
    const struct lock_set *old, const struct lock_set *now, bool sources)
{
	auto_buf struct buf text = BUF_INIT;
	struct lock_news *n;
	struct hash key;

	buf_printf(&text, "%s %d\n", arch, sources);
	lock_set_text(old, &text);
	buf_char(&text, '\n');
	lock_set_text(now, &text);
	hash_bytes(&key, text.data, text.len);
	for (n = a->news; n; n = n->next)
		if (hash_equal(&n->key, &key))
			return n;
	n = mem_zero(1, sizeof(*n));
	n->key = key;
	find_news(a, old, now, sources, n);
	n->next = a->news;
	a->news = n;
	return n;
}

/* Is the name one of those sorted lines?  By halves, as lines are many and
 * names that changed are few. */
static bool
has_line(const char *lines, size_t len, const char *name)
{
	size_t from = 0, to = len, n = strlen(name);

	while (from < to) {
		size_t at = from + (to - from) / 2, end;
		int c;

		while (at > from && lines[at - 1] != '\n')
			at--;
		end = at + strcspn(lines + at, "\n");
		c = strncmp(lines + at, name, end - at);
		if (c == 0 && end - at == n)
			return true;
		/* The line is a beginning of the name, so it is smaller. */
		if (c < 0 || (c == 0 && end - at < n))
			from = end + 1;
		else
			to = at;
	}
	return false;
}

static bool
meet(const struct lock_names *changed, const char *lines)
{
	size_t len = strlen(lines);

	for (size_t i = 0; i < changed->n; i++)
		if (has_line(lines, len, changed->v[i]))
			return true;
	return false;
}

bool
lock_news_touch(
    const struct lock_news *n, const char *consulted, const char *sources)
{
	return !n->known || meet(&n->packages, consulted) ||
	       meet(&n->sources, sources);
}

static bool
touched(const struct lock_request *rq, const struct lock_news *n,
    const char *consulted)
{
	if (!n->known || meet(&n->packages, consulted))
		return true;
	for (size_t i = 0; i < rq->nsources; i++)
		for (size_t k = 0; k < n->sources.n; k++)
			if (strcmp(rq->sources[i], n->sources.v[k]) == 0)
				return true;
	return false;
}

/* --- rows ---------------------------------------------------------------- */

/* The newest lock of the request and what is known of it: 1. */
static int
newest(struct deb_archive *a, const struct lock_request *rq,
    const struct hash *request, struct hash *lock, struct lock_set *set,
    char **consulted, struct err *err)
{
	static const char sql[] =
	    "SELECT l.digest, k.indexes, c.names FROM lock l"
	    " JOIN lock_kept k ON k.lock = l.digest"
	    " JOIN consulted c ON c.digest = k.consulted"
	    " WHERE l.digest = (SELECT digest FROM lock WHERE recipe = ?1"
	    " AND request = ?2 ORDER BY made_at DESC, rowid DESC LIMIT 1)";
	auto_stmt struct stmt *q = db_stmt(a->db, sql);
	int r;

	stmt_bind_str(q, 1, rq->recipe);
	stmt_bind_hash(q, 2, request);
	r = stmt_step(q, err);
	if (r != 1)
		return r;
	if (!stmt_hash(q, 0, lock) || !lock_set_parse(stmt_str(q, 1), set))
		return 0;
	*consulted = mem_str(stmt_str(q, 2));
	return 1;
}

static int
set_write(struct deb_archive *a, const struct hash *lock,
    const struct lock_set *now, struct err *err)
{
	static const char sql[] =
	    "UPDATE lock_kept SET indexes = ?2 WHERE lock = ?1";
	auto_stmt struct stmt *q = db_stmt(a->db, sql);
	auto_buf struct buf text = BUF_INIT;

	lock_set_text(now, &text);
	stmt_bind_hash(q, 1, lock);
	stmt_bind_str(q, 2, text.data);
	return stmt_run(q, err);
}

int
lock_keep(struct deb_archive *a, const struct lock_request *rq,
    const struct hash *request, const struct lock_set *now, struct hash *digest,
    struct err *err)
{
	auto_free char *consulted = NULL;
	auto_lock struct lock *l = NULL;
	struct err unusable = ERR_INIT;
	struct lock_set old;
	struct hash lock;
	bool sources = rq->nsources > 0;
	int r = newest(a, rq, request, &lock, &old, &consulted, err);

	if (r != 1)
		return r;
	if (!lock_set_same(&old, now, sources) &&
	    touched(rq,
		lock_news_between(
		    a, rq->on ? rq->on : rq->arch, &old, now, sources),
		consulted))
		return 0;
	/* One that has lost bytes does not count. */
	l = lock_load(a->store, &lock, &unusable);
	if (!l || lock_complete(a->store, l, &unusable) == -1)
		return 0;
	if (!lock_set_same(&old, now, true) &&
	    set_write(a, &lock, now, err) == -1)
		return -1;
	a->kept++;
	*digest = lock;
	return 1;
}

static int
write_names(struct deb_archive *a, const char *names, struct hash *digest,
    struct err *err)
{
	static const char sql[] =
	    "INSERT INTO consulted (digest, names) VALUES (?1, ?2)"
	    " ON CONFLICT (digest) DO NOTHING";
	auto_stmt struct stmt *q = db_stmt(a->db, sql);

	hash_bytes(digest, names, strlen(names));
	stmt_bind_hash(q, 1, digest);
	stmt_bind_str(q, 2, names);
	return stmt_run(q, err);
}

static int
write_kept(struct deb_archive *a, const struct hash *lock,
    const struct lock_set *now, const char *names, const char *sources,
    struct err *err)
{
	static const char sql[] =
	    "INSERT INTO lock_kept (lock, indexes, consulted, sources)"
	    " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (lock) DO UPDATE"
	    " SET indexes = ?2, consulted = ?3, sources = ?4";
	auto_buf struct buf text = BUF_INIT;
	struct hash digest;

	if (write_names(a, names, &digest, err) == -1)
		return -1;
	lock_set_text(now, &text);
	{
		auto_stmt struct stmt *q = db_stmt(a->db, sql);

		stmt_bind_hash(q, 1, lock);
		stmt_bind_str(q, 2, text.data);
		stmt_bind_hash(q, 3, &digest);
		stmt_bind_str(q, 4, sources);
		if (stmt_run(q, err) == -1)
			return -1;
	}
	return 0;
}

static void
add_lines(const struct lock_names *l, struct buf *b)
{
	for (size_t i = 0; i < l->n; i++)
		buf_printf(b, "%s\n", l->v[i]);
}

int
lock_kept(struct deb_archive *a, const struct hash *lock,
    const struct lock_set *now, const struct lock_names *consulted,
    const char *const *sources, size_t nsources, struct err *err)
{
	auto_buf struct buf names = BUF_INIT, lines = BUF_INIT;
	struct lock_names sorted = { 0 };

	for (size_t i = 0; i < nsources; i++)
		lock_names_add(&sorted, sources[i]);
	lock_names_sort(&sorted);
	add_lines(&sorted, &lines);
	lock_names_release(&sorted);
	add_lines(consulted, &names);
	if (db_begin(a->db, err) == -1)
		return -1;
	if (write_kept(a, lock, now, names.data, lines.data, err) == -1 ||
	    db_commit(a->db, err) == -1) {
		db_rollback(a->db);
		return -1;
	}
	return 0;
}
