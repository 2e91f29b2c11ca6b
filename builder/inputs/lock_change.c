#include "builder/inputs/lock_change.h"

#include <stdlib.h>
#include <string.h>

#include "builder/progress.h"
#include "lib/mem.h"
#include "lib/own.h"

#define SHOWN 3 /* in an event's sentence */

bool
lock_suite_is_security(const char *suite)
{
	static const char end[] = "-security", old[] = "/updates";
	size_t n = strlen(suite);

	return (n > strlen(end) && strcmp(suite + n - strlen(end), end) == 0) ||
	       (n > strlen(old) && strcmp(suite + n - strlen(old), old) == 0);
}

static void
add(struct lock_changes *to, const char *part, const char *name,
    const char *old, const char *new, const char *suite)
{
	MEM_GROW(to->v, to->n, to->cap);
	to->v[to->n++] = (struct lock_change){ .part = part,
		.name = name,
		.old = old,
		.new = new,
		.suite = suite,
		.security = suite &&lock_suite_is_security(suite) };
}

/* Both are sorted by name; of several architectures, each counts. */
static void
diff_packages(const struct lock_packages *a, const struct lock_packages *b,
    const char *part, struct lock_changes *to)
{
	size_t i = 0, k = 0;

	while (i < a->n || k < b->n) {
		const struct lock_package *p = i < a->n ? &a->v[i] : NULL;
		const struct lock_package *q = k < b->n ? &b->v[k] : NULL;
		int c = !p ? 1 : !q ? -1 : strcmp(p->name, q->name);

		if (c < 0)
			add(to, part, p->name, p->version, NULL, NULL);
		else if (c > 0)
			add(to, part, q->name, NULL, q->version, q->suite);
		else if (!hash_equal(&p->sha256, &q->sha256))
			add(to, part, q->name, p->version, q->version,
			    q->suite);
		i += c <= 0;
		k += c >= 0;
	}
}

static const struct lock_source *
source_named(const struct lock_sources *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].name, name) == 0)
			return &l->v[i];
	return NULL;
}

static bool
has_source(const struct lock_changes *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].part, "source") == 0 &&
		    strcmp(l->v[i].name, name) == 0)
			return true;
	return false;
}

/* Files by name of the file, changes by name of the source package. */
static void
diff_sources(const struct lock_sources *a, const struct lock_sources *b,
    struct lock_changes *to)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct lock_source *q = &b->v[i];
		const struct lock_source *p = source_named(a, q->name);

		if (p && strcmp(p->version, q->version) == 0)
			continue;
		if (!has_source(to, q->name))
			add(to, "source", q->name, p ? p->version : NULL,
			    q->version, q->suite);
	}
	for (size_t i = 0; i < a->n; i++)
		if (!source_named(b, a->v[i].name) &&
		    !has_source(to, a->v[i].name))
			add(to, "source", a->v[i].name, a->v[i].version, NULL,
			    NULL);
}

static const struct lock_git *
git_named(const struct lock_gits *l, const char *file)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].file, file) == 0)
			return &l->v[i];
	return NULL;
}

/* By commit. */
static void
diff_git(const struct lock_gits *a, const struct lock_gits *b,
    struct lock_changes *to)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct lock_git *q = &b->v[i];
		const struct lock_git *p = git_named(a, q->file);

		if (!p || strcmp(p->commit, q->commit) != 0)
			add(to, "source", q->file, p ? p->commit : NULL,
			    q->commit, NULL);
	}
	for (size_t i = 0; i < a->n; i++)
		if (!git_named(b, a->v[i].file))
			add(to, "source", a->v[i].file, a->v[i].commit, NULL,
			    NULL);
}

static bool
has_file(const struct lock_files *l, const struct lock_file *f)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].file, f->file) == 0 &&
		    hash_equal(&l->v[i].sha256, &f->sha256))
			return true;
	return false;
}

static void
diff_files(const struct lock_files *a, const struct lock_files *b,
    struct lock_changes *to)
{
	for (size_t i = 0; i < b->n; i++)
		if (!has_file(a, &b->v[i]))
			add(to, "source", b->v[i].file, NULL, b->v[i].url,
			    NULL);
	for (size_t i = 0; i < a->n; i++)
		if (!has_file(b, &a->v[i]) && !has_source(to, a->v[i].file))
			add(to, "source", a->v[i].file, a->v[i].url, NULL,
			    NULL);
}

void
lock_diff(
    const struct lock *old, const struct lock *new, struct lock_changes *out)
{
	diff_packages(&old->build, &new->build, "build", out);
	diff_packages(&old->image, &new->image, "image", out);
	diff_sources(&old->sources, &new->sources, out);
	diff_git(&old->git, &new->git, out);
	diff_files(&old->files, &new->files, out);
}

void
lock_changes_release(struct lock_changes *l)
{
	free(l->v);
	*l = (struct lock_changes){ 0 };
}

/* "libssl3 3.0.20 → 3.0.22 (security)" */
static void
add_text(const struct lock_change *c, struct buf *b)
{
	buf_str(b, c->name);
	if (c->old && c->new)
		buf_printf(b, " %s → %s", c->old, c->new);
	else if (c->new)
		buf_printf(b, " %s (new)", c->new);
	else
		buf_printf(b, " %s (gone)", c->old);
	if (c->security)
		buf_str(b, " (security)");
}

/* One of build and image is enough to tell. */
static bool
told_before(const struct lock_changes *l, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(l->v[i].name, l->v[at].name) == 0 &&
		    strcmp(l->v[i].part, "source") != 0 &&
		    strcmp(l->v[at].part, "source") != 0)
			return true;
	return false;
}

void
lock_changes_text(const struct lock_changes *l, size_t shown, struct buf *b)
{
	size_t n = 0, start = b->len;

	for (int security = 1; security >= 0; security--)
		for (size_t i = 0; i < l->n; i++) {
			if (l->v[i].security != security || told_before(l, i))
				continue;
			if (n++ >= shown)
				continue;
			if (b->len > start)
				buf_str(b, ", ");
			add_text(&l->v[i], b);
		}
	if (n > shown)
		buf_printf(b, " and %zu more", n - shown);
}

static int
write_row(struct db *db, const char *recipe, const struct lock_change *c,
    int64_t event, struct err *err)
{
	/* Two architectures of a package are one line here. */
	static const char sql[] =
	    "INSERT INTO lock_change (event, recipe, part, package, old, new,"
	    " suite, security) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
	    " ON CONFLICT (event, part, package) DO NOTHING";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_int(q, 1, event);
	stmt_bind_str(q, 2, recipe);
	stmt_bind_str(q, 3, c->part);
	stmt_bind_str(q, 4, c->name);
	stmt_bind_str(q, 5, c->old);
	stmt_bind_str(q, 6, c->new);
	stmt_bind_str(q, 7, c->suite);
	stmt_bind_int(q, 8, c->security);
	return stmt_run(q, err);
}

int
lock_changes_write(struct db *db, const char *recipe,
    const struct lock_changes *l, int64_t parent, int64_t *event,
    struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	int rc;

	lock_changes_text(l, SHOWN, &text);
	if (l->n == 0)
		buf_str(&text, "the same packages by another proof");
	if (db_begin(db, err) == -1)
		return -1;
	rc = event_put(
	    db, "lock-changed", recipe, parent, event, err, "%s", text.data);
	for (size_t i = 0; rc == 0 && i < l->n; i++)
		rc = write_row(db, recipe, &l->v[i], *event, err);
	if (rc == 0)
		rc = db_commit(db, err);
	if (rc == -1)
		db_rollback(db);
	return rc;
}
