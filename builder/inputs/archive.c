#include "builder/inputs/archive.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/inputs/archive_get.h"
#include "builder/progress.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

/* A suite in the course of one poll. */
struct polled {
	const char *name;
	struct archive_suite old; /* name NULL: never seen */
	char *uri;
	struct hash inrelease;
	int64_t date, valid_until;
	struct fetch_tags tags;
	bool changed;
};

void
archive_suite_release(struct archive_suite *s)
{
	free(s->name);
	free(s->arch);
	free(s->uri);
	for (size_t i = 0; i < ARCHIVE_INDEXES; i++)
		free(s->paths[i]);
	*s = (struct archive_suite){ 0 };
}

/* The row alone.  1: found, 0: not there. */
static int
load_row(struct deb_archive *a, const char *name, struct archive_suite *s,
    struct err *err)
{
	static const char sql[] =
	    "SELECT uri, inrelease, date, ifnull(valid_until, -1), changed_at,"
	    " ifnull(etag, ''), ifnull(modified, '')"
	    " FROM suite WHERE name = ?1";
	auto_stmt struct stmt *q = db_stmt(a->db, sql);
	int r;

	*s = (struct archive_suite){ 0 };
	stmt_bind_str(q, 1, name);
	r = stmt_step(q, err);
	if (r != 1)
		return r;
	if (!stmt_hash(q, 1, &s->inrelease))
		return err_set(
		    err, ERR_INPUT, "suite %s: its row holds no digest", name);
	s->name = mem_str(name);
	s->uri = mem_str(stmt_str(q, 0));
	s->date = stmt_int(q, 2);
	s->valid_until = stmt_int(q, 3);
	s->changed_at = stmt_int(q, 4);
	snprintf(s->tags.etag, sizeof(s->tags.etag), "%s", stmt_str(q, 5));
	snprintf(
	    s->tags.modified, sizeof(s->tags.modified), "%s", stmt_str(q, 6));
	return 1;
}

static int
check_expiry(const struct deb_archive *a, const char *suite,
    int64_t valid_until, struct err *err)
{
	char text[TIME_TEXT];

	if (valid_until == -1 || !a->sources->check_valid_until ||
	    time_now() <= valid_until)
		return 0;
	time_text(valid_until, text);
	return err_set(err, ERR_TRUST,
	    "suite %s: what the server sends was valid until %s only: the "
	    "mirror is old, or somebody holds news back",
	    suite, text);
}

static int
check_date(const struct polled *p, const struct release *rel, struct err *err)
{
	char was[TIME_TEXT], is[TIME_TEXT];

	if (!p->old.name || rel->date >= p->old.date)
		return 0;
	time_text(p->old.date, was);
	time_text(rel->date, is);
	return err_set(err, ERR_TRUST,
	    "suite %s: the server sends the state of %s, older than that of "
	    "%s which was seen before",
	    p->name, is, was);
}

/* The bytes are new: who signed them, and what do they say? */
static int
take_news(struct deb_archive *a, struct polled *p, const struct apt_source *src,
    int fd, const char *arch, bool *other, struct err *err)
{
	auto_release struct release rel = { 0 };
	struct hash indexes[ARCHIVE_INDEXES];

	if (archive_read_release(a, fd, src->keyring, arch, &rel, err) == -1)
		return err_prefix(
		    err, "suite %s: %sInRelease", p->name, p->uri);
	if (strcmp(rel.codename, p->name) != 0) {
		*other = true;
		return err_set(err, ERR_TRUST,
		    "suite %s: %s holds the suite %s", p->name, p->uri,
		    rel.codename);
	}
	if (check_date(p, &rel, err) == -1 ||
	    check_expiry(a, p->name, rel.valid_until, err) == -1)
		return -1;
	if (archive_get_indexes(a, p->name, p->uri, &rel, arch, indexes, err) ==
	    -1)
		return err_prefix(err, "suite %s", p->name);
	if (lseek(fd, 0, SEEK_SET) == -1)
		return err_sys(err, "InRelease: seek");
	if (store_put_expected(a->store, fd, &p->inrelease, -1, err) == -1)
		return err_prefix(err, "suite %s: InRelease", p->name);
	p->date = rel.date;
	p->valid_until = rel.valid_until;
	p->changed = true;
	return 0;
}

/* *other: that source holds another suite, or none. */
static int
ask_source(struct deb_archive *a, struct polled *p,
    const struct apt_source *src, const char *arch, bool *other,
    struct err *err)
{
	auto_tmp struct tmp tmp = TMP_INIT;
	auto_free char *url = NULL;
	int64_t size;
	bool known;
	int r;

	*other = false;
	free(p->uri);
	p->uri = mem_printf("%sdists/%s/", src->uri, src->dist);
	url = archive_url(p->uri, "InRelease");
	if (tmp_open(&tmp, a->tmpdir, 0600, err) == -1)
		return -1;
	/* The same address, and the store still has what it said. */
	known = p->old.name && strcmp(p->uri, p->old.uri) == 0 &&
		store_has(a->store, &p->old.inrelease);
	p->tags = known ? p->old.tags : (struct fetch_tags){ "", "" };
	r = archive_get_if(a, url, INRELEASE_MAX, tmp.fd, &p->tags, err);
	if (r == -1) {
		*other = err->cls == ERR_MISSING;
		return err_prefix(err, "suite %s", p->name);
	}
	if (r == 0) {
		p->inrelease = p->old.inrelease;
		return check_expiry(a, p->name, p->old.valid_until, err);
	}
	if (hash_fd(tmp.fd, &p->inrelease, &size, err) == -1)
		return -1;
	if (p->old.name && hash_equal(&p->inrelease, &p->old.inrelease) &&
	    store_has(a->store, &p->inrelease))
		return check_expiry(a, p->name, p->old.valid_until, err);
	return take_news(a, p, src, tmp.fd, arch, other, err);
}

static bool
source_is(const struct apt_source *s, const char *uri)
{
	auto_free char *own = mem_printf("%sdists/%s/", s->uri, s->dist);

	return strcmp(own, uri) == 0;
}

/*
 * Which source holds the suite: the one it was seen at, else the one that
 * calls it by its name, else each is asked ("stable" may be bookworm).
 */
static int
ask(struct deb_archive *a, struct polled *p, const char *arch, struct err *err)
{
	const struct apt_sources *l = a->sources;
	bool other;

	for (size_t i = 0; p->old.name && i < l->n; i++)
		if (source_is(&l->v[i], p->old.uri)) {
			if (ask_source(a, p, &l->v[i], arch, &other, err) == 0)
				return 0;
			if (!other || strcmp(l->v[i].dist, p->name) == 0)
				return -1;
			err_clear(err); /* "stable" has moved on */
			break;
		}
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].dist, p->name) == 0)
			return ask_source(a, p, &l->v[i], arch, &other, err);
	for (size_t i = 0; i < l->n; i++) {
		if (ask_source(a, p, &l->v[i], arch, &other, err) == 0)
			return 0;
		if (!other)
			return -1;
		err_clear(err);
	}
	return err_set(err, ERR_INPUT,
	    "suite %s is in none of this machine's %zu apt sources: see "
	    "sources.list(5)",
	    p->name, l->n);
}

/* An event, unless it says what the last one of this suite said. */
static void
tell_failure(struct deb_archive *a, const char *suite, const struct err *cause)
{
	static const char sql[] =
	    "SELECT text = ?2 FROM event WHERE subject = ?1 AND kind IN"
	    " ('archive-refused', 'archive-unreachable', 'archive-changed')"
	    " ORDER BY id DESC LIMIT 1";
	bool said;
	struct err err = ERR_INIT;

	{
		auto_stmt struct stmt *q = db_stmt(a->db, sql);

		stmt_bind_str(q, 1, suite);
		stmt_bind_str(q, 2, cause->msg);
		said = stmt_step(q, &err) == 1 && stmt_int(q, 0) == 1;
	}
	if (!said)
		event_add(a->db,
		    cause->cls == ERR_TRUST || cause->cls == ERR_INPUT
			? "archive-refused"
			: "archive-unreachable",
		    suite, 0, "%s", cause->msg);
}

static int64_t
tell_change(struct deb_archive *a, const struct polled *p, int64_t parent)
{
	char was[TIME_TEXT], is[TIME_TEXT];

	time_text(p->date, is);
	if (!p->old.name)
		return event_add(a->db, "archive-changed", p->name, parent,
		    "suite %s is seen for the first time, as of %s", p->name,
		    is);
	time_text(p->old.date, was);
	return event_add(a->db, "archive-changed", p->name, parent,
	    "suite %s changed: it was of %s, it is of %s", p->name, was, is);
}

static int
write_row(struct deb_archive *a, const struct polled *p, struct err *err)
{
	static const char seen[] =
	    "UPDATE suite SET checked_at = ?2, uri = ?3,"
	    " etag = nullif(?7, ''), modified = nullif(?8, '')"
	    " WHERE name = ?1";
	static const char changed[] =
	    "INSERT INTO suite (name, checked_at, uri, inrelease, date,"
	    " valid_until, changed_at, etag, modified)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, nullif(?6, -1), ?2,"
	    " nullif(?7, ''), nullif(?8, ''))"
	    " ON CONFLICT (name) DO UPDATE SET checked_at = ?2, uri = ?3,"
	    " inrelease = ?4, date = ?5, valid_until = nullif(?6, -1),"
	    " changed_at = ?2, etag = nullif(?7, ''),"
	    " modified = nullif(?8, '')";
	auto_stmt struct stmt *q = db_stmt(a->db, p->changed ? changed : seen);

	stmt_bind_str(q, 1, p->name);
	stmt_bind_int(q, 2, time_now());
	stmt_bind_str(q, 3, p->uri);
	stmt_bind_str(q, 7, p->tags.etag);
	stmt_bind_str(q, 8, p->tags.modified);
	if (p->changed) {
		stmt_bind_hash(q, 4, &p->inrelease);
		stmt_bind_int(q, 5, p->date);
		stmt_bind_int(q, 6, p->valid_until);
	}
	return stmt_run(q, err);
}

static int
write_all(struct deb_archive *a, const struct polled *v, size_t n,
    int64_t parent, struct archive_news *news, struct err *err)
{
	struct archive_news now = { .checked = n };

	if (db_begin(a->db, err) == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (write_row(a, &v[i], err) == -1) {
			db_rollback(a->db);
			return -1;
		}
		if (v[i].changed) {
			now.changed++;
			now.event = tell_change(a, &v[i], parent);
		}
	}
	if (db_commit(a->db, err) == -1) {
		db_rollback(a->db);
		return -1;
	}
	*news = now;
	return 0;
}

int
archive_poll(struct deb_archive *a, const char *const *suites, size_t n,
    const char *arch, int64_t parent, struct archive_news *news,
    struct err *err)
{
	struct polled v[ARCHIVE_SUITES] = { 0 };
	int r = 0;

	if (n > ARCHIVE_SUITES)
		return err_set(err, ERR_INPUT, "%zu suites: at most %d", n,
		    ARCHIVE_SUITES);
	for (size_t i = 0; r == 0 && i < n; i++) {
		v[i].name = suites[i];
		if (load_row(a, suites[i], &v[i].old, err) == -1 ||
		    ask(a, &v[i], arch, err) == -1) {
			tell_failure(a, suites[i], err);
			r = -1;
		}
	}
	if (r == 0)
		r = write_all(a, v, n, parent, news, err);
	for (size_t i = 0; i < n; i++) {
		archive_suite_release(&v[i].old);
		free(v[i].uri);
	}
	return r;
}

void
archive_tell_silence(struct deb_archive *a, int64_t limit)
{
	static const char sql[] =
	    "SELECT name, checked_at FROM suite s WHERE checked_at < ?1 - ?2"
	    " AND NOT EXISTS (SELECT 1 FROM event e WHERE e.kind ="
	    " 'archive-silent' AND e.subject = s.name AND"
	    " e.at >= s.checked_at) ORDER BY name LIMIT 1";
	struct err err = ERR_INIT;

	for (;;) {
		auto_free char *name = NULL;
		char text[TIME_TEXT];
		int64_t at;

		{
			auto_stmt struct stmt *q = db_stmt(a->db, sql);

			stmt_bind_int(q, 1, time_now());
			stmt_bind_int(q, 2, limit);
			if (stmt_step(q, &err) != 1)
				return;
			name = mem_str(stmt_str(q, 0));
			at = stmt_int(q, 1);
		}
		time_text(at, text);
		if (event_add(a->db, "archive-silent", name, 0,
			"suite %s was last reached on %s: what is built since "
			"is of that day",
			name, text) == 0)
			return;
	}
}

/* The indexes of a suite's InRelease, in the store. */
static int
find_indexes(struct deb_archive *a, struct archive_suite *s, const char *arch,
    struct err *err)
{
	auto_release struct release rel = { 0 };
	auto_fd int fd = -1;
	struct archive_known *k;

	for (size_t i = 0; i < ARCHIVE_SUITES; i++) {
		k = &a->known[i];
		if (strcmp(k->arch, arch) == 0 &&
		    hash_equal(&k->inrelease, &s->inrelease) &&
		    store_has(a->store, &k->indexes[ARCHIVE_PACKAGES]) &&
		    store_has(a->store, &k->indexes[ARCHIVE_SOURCES])) {
			memcpy(s->indexes, k->indexes, sizeof(s->indexes));
			return 0;
		}
	}
	if (store_get(a->store, &s->inrelease, &fd, err) == -1 ||
	    archive_read_release(a, fd, archive_keyring(a, s->name, s->uri),
		arch, &rel, err) == -1 ||
	    archive_get_indexes(
		a, s->name, s->uri, &rel, arch, s->indexes, err) == -1)
		return -1;
	if (strlen(arch) < sizeof(k->arch)) {
		k = &a->known[a->next_known++ % ARCHIVE_SUITES];
		k->inrelease = s->inrelease;
		memcpy(k->arch, arch, strlen(arch) + 1);
		memcpy(k->indexes, s->indexes, sizeof(k->indexes));
	}
	return 0;
}

int
archive_suite_load(struct deb_archive *a, const char *name, const char *arch,
    struct archive_suite *s, struct err *err)
{
	int r = load_row(a, name, s, err);

	if (r == 0)
		return err_set(err, ERR_MISSING,
		    "suite %s was never read: the archive has to be polled "
		    "first",
		    name);
	if (r == 1)
		r = find_indexes(a, s, arch, err);
	if (r == -1) {
		archive_suite_release(s);
		return err_prefix(err, "suite %s", name);
	}
	s->arch = mem_str(arch);
	archive_paths(arch, s->paths);
	return 0;
}

int
archive_fetch(struct deb_archive *a, const struct archive_suite *s,
    const struct archive_file *f, struct err *err)
{
	auto_free char *base = NULL, *url = NULL;
	const char *dists = strstr(s->uri, "/dists/"), *next;

	if (store_has(a->store, f->sha256))
		return 0;
	while (dists && (next = strstr(dists + 1, "/dists/")))
		dists = next;
	if (!dists)
		return err_set(err, ERR_INPUT,
		    "suite %s: %s is no dists folder", s->name, s->uri);
	base = mem_strn(s->uri, (size_t)(dists - s->uri) + 1);
	url = archive_url(base, f->path);
	if (archive_get_expected(
		a, url, f->sha256, f->size, f->progress, f->arg, err) == 0)
		return 0;
	if (err->cls != ERR_MISSING)
		return -1;
	return err_set(err, ERR_MISSING,
	    "suite %s lists %s, but the archive does not have it (%s)", s->name,
	    f->path, url);
}

int
archive_proof(struct deb_archive *a, const char *suite,
    const struct hash *inrelease, const char *arch,
    struct hash indexes[ARCHIVE_INDEXES], struct err *err)
{
	auto_release struct release rel = { 0 };
	auto_fd int fd = -1;
	char *paths[ARCHIVE_INDEXES];
	int r = 0;

	if (store_get(a->store, inrelease, &fd, err) == -1 ||
	    archive_read_release(
		a, fd, archive_keyring(a, suite, NULL), arch, &rel, err) == -1)
		return err_prefix(err, "suite %s: InRelease", suite);
	if (strcmp(rel.codename, suite) != 0)
		return err_set(err, ERR_TRUST,
		    "suite %s: its InRelease is that of %s", suite,
		    rel.codename);
	archive_paths(arch, paths);
	for (size_t i = 0; i < ARCHIVE_INDEXES; i++) {
		const struct index_file *f = release_file(&rel, paths[i]);

		if (!f)
			r = err_set(err, ERR_TRUST,
			    "suite %s: its InRelease does not list %s", suite,
			    paths[i]);
		else
			indexes[i] = f->sha256;
		free(paths[i]);
	}
	return r;
}
