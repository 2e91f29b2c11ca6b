#include "builder/inputs/upstream.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/inputs/archive_get.h"
#include "builder/inputs/git.h"
#include "builder/progress.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

char *
upstream_subject(const char *url, const char *ref)
{
	return mem_printf("%s %s", url, ref);
}

/* --- where refs stand ---------------------------------------------------- */

/* The longest prefix counts. */
static const char *
secret_for(const struct deb_archive *a, const char *url)
{
	const char *file = NULL;
	size_t best = 0;

	for (size_t i = 0; i < a->nsecrets; i++) {
		size_t n = strlen(a->secrets[i].prefix);

		if (n >= best && strncmp(url, a->secrets[i].prefix, n) == 0) {
			file = a->secrets[i].file;
			best = n;
		}
	}
	return file;
}

int
upstream_seen(struct deb_archive *a, const char *url, const char *ref,
    char commit[41], char tree[41], struct err *err)
{
	static const char sql[] =
	    "SELECT commit_id, tree FROM git_ref WHERE url = ?1 AND ref = ?2"
	    " AND commit_id IS NOT NULL";
	auto_stmt struct stmt *q = db_stmt(a->db, sql);
	int r;

	stmt_bind_str(q, 1, url);
	stmt_bind_str(q, 2, ref);
	r = stmt_step(q, err);
	if (r != 1)
		return r;
	if (!git_commit_ok(stmt_str(q, 0)) || !git_commit_ok(stmt_str(q, 1)))
		return err_set(
		    err, ERR_INPUT, "git %s %s: its row is damaged", url, ref);
	memcpy(commit, stmt_str(q, 0), GIT_ID);
	memcpy(tree, stmt_str(q, 1), GIT_ID);
	return 1;
}

static int
write_seen(struct deb_archive *a, const struct upstream_git *g,
    const struct git_seen *seen, bool changed, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO git_ref (url, ref, commit_id, tree, changed_at,"
	    " checked_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)"
	    " ON CONFLICT (url, ref) DO UPDATE SET commit_id = ?3, tree = ?4,"
	    " changed_at = iif(?6, ?5, changed_at), checked_at = ?5,"
	    " error = NULL";
	auto_stmt struct stmt *q = db_stmt(a->db, sql);

	stmt_bind_str(q, 1, g->url);
	stmt_bind_str(q, 2, g->ref);
	stmt_bind_str(q, 3, seen->commit);
	stmt_bind_str(q, 4, seen->tree);
	stmt_bind_int(q, 5, time_now());
	stmt_bind_int(q, 6, changed);
	return stmt_run(q, err);
}

/* *news: it says another thing than the last time. */
static int
write_error(struct deb_archive *a, const struct upstream_git *g,
    const char *text, bool *news, struct err *err)
{
	static const char was[] =
	    "SELECT error IS ?3 FROM git_ref WHERE url = ?1 AND ref = ?2";
	static const char sql[] =
	    "INSERT INTO git_ref (url, ref, error) VALUES (?1, ?2, ?3)"
	    " ON CONFLICT (url, ref) DO UPDATE SET error = ?3";

	{
		auto_stmt struct stmt *q = db_stmt(a->db, was);
		int r;

		stmt_bind_str(q, 1, g->url);
		stmt_bind_str(q, 2, g->ref);
		stmt_bind_str(q, 3, text);
		r = stmt_step(q, err);
		if (r == -1)
			return -1;
		*news = r == 0 || stmt_int(q, 0) == 0;
	}
	{
		auto_stmt struct stmt *q = db_stmt(a->db, sql);

		stmt_bind_str(q, 1, g->url);
		stmt_bind_str(q, 2, g->ref);
		stmt_bind_str(q, 3, text);
		return stmt_run(q, err);
	}
}

static int
failed(struct deb_archive *a, const struct upstream_git *g, int64_t parent,
    const struct err *why, struct err *err)
{
	auto_free char *subject = upstream_subject(g->url, g->ref);
	bool news;

	if (write_error(a, g, why->msg, &news, err) == -1)
		return -1;
	if (news)
		event_add(a->db,
		    why->cls == ERR_BUSY ? "git-unreachable" : "git-refused",
		    subject, parent, "%s (cause=%s)", why->msg, err_cause(why));
	return 0;
}

static int
moved(struct deb_archive *a, const struct upstream_git *g, int64_t parent,
    const char *old, const struct git_seen *seen, struct err *err)
{
	auto_free char *subject = upstream_subject(g->url, g->ref);
	int r;

	if (db_begin(a->db, err) == -1)
		return -1;
	r = write_seen(a, g, seen, true, err);
	if (r == 0 && old)
		event_add(a->db, "git-changed", subject, parent,
		    "%s of %s moved: it was at %.12s, it is at %.12s", g->ref,
		    g->url, old, seen->commit);
	else if (r == 0)
		event_add(a->db, "git-changed", subject, parent,
		    "%s of %s is seen for the first time, at %.12s", g->ref,
		    g->url, seen->commit);
	if (r == 0)
		r = db_commit(a->db, err);
	if (r == -1)
		db_rollback(a->db);
	return r;
}

static int
look(struct deb_archive *a, const struct upstream_git *g, int64_t parent,
    struct upstream_news *news, struct err *err)
{
	struct git git = { &a->workers->git, a->gitdir };
	struct git_look l = { .url = g->url,
		.ref = g->ref,
		.credentials = secret_for(a, g->url),
		.proxy = a->sources->proxy };
	char commit[GIT_ID], tree[GIT_ID];
	struct err why = ERR_INIT;
	struct git_seen seen;
	int known = upstream_seen(a, g->url, g->ref, commit, tree, err);

	if (known == -1)
		return -1;
	if (known == 1 && git_commit_ok(g->ref))
		return 0;
	news->checked++;
	if (git_look(&git, &l, &seen, &why) == -1) {
		news->failed++;
		news->unreachable += why.cls == ERR_BUSY;
		return failed(a, g, parent, &why, err);
	}
	if (known == 1 && strcmp(commit, seen.commit) == 0)
		return write_seen(a, g, &seen, false, err);
	news->changed++;
	return moved(a, g, parent, known == 1 ? commit : NULL, &seen, err);
}

int
upstream_poll(struct deb_archive *a, const struct upstream_git *v, size_t n,
    int64_t parent, struct upstream_news *news, struct err *err)
{
	*news = (struct upstream_news){ 0 };
	for (size_t i = 0; i < n; i++)
		if (look(a, &v[i], parent, news, err) == -1)
			return -1;
	return 0;
}

/* --- what a lock says ---------------------------------------------------- */

static int
tar_known(struct deb_archive *a, struct lock_git *g, struct err *err)
{
	static const char sql[] =
	    "SELECT digest, size FROM git_tar WHERE tree = ?1 AND name = ?2";
	auto_stmt struct stmt *q = db_stmt(a->db, sql);
	int r;

	g->size = -1;
	stmt_bind_str(q, 1, g->tree);
	stmt_bind_str(q, 2, g->file);
	r = stmt_step(q, err);
	if (r == 1 && stmt_hash(q, 0, &g->sha256))
		g->size = stmt_int(q, 1);
	return r == -1 ? -1 : 0;
}

/* Why it was never seen. */
static int
never_seen(struct deb_archive *a, const struct upstream_git *g, struct err *err)
{
	static const char sql[] =
	    "SELECT error FROM git_ref WHERE url = ?1 AND ref = ?2";
	auto_stmt struct stmt *q = db_stmt(a->db, sql);

	stmt_bind_str(q, 1, g->url);
	stmt_bind_str(q, 2, g->ref);
	if (stmt_step(q, err) == 1 && !stmt_null(q, 0))
		return err_set(err, ERR_MISSING, "%s", stmt_str(q, 0));
	return err_set(err, ERR_MISSING,
	    "git %s %s was never fetched, and the farm is offline", g->url,
	    g->ref);
}

int
upstream_pin(struct deb_archive *a, const struct upstream_git *g,
    struct lock_git *out, struct err *err)
{
	struct upstream_news news = { 0 };
	char commit[GIT_ID], tree[GIT_ID];
	int r = upstream_seen(a, g->url, g->ref, commit, tree, err);

	if (r == 0 && !a->offline && a->gitdir != -1) {
		if (look(a, g, 0, &news, err) == -1)
			return -1;
		r = upstream_seen(a, g->url, g->ref, commit, tree, err);
	}
	if (r == -1)
		return -1;
	if (r == 0)
		return never_seen(a, g, err);
	*out = (struct lock_git){ .file = mem_printf("%s.tar", g->name),
		.url = mem_str(g->url),
		.ref = mem_str(g->ref),
		.commit = mem_str(commit),
		.tree = mem_str(tree) };
	return tar_known(a, out, err);
}

/* The mirror is a cache, and may have gone: it is filled again. */
static int
refill(struct deb_archive *a, const struct lock_git *g, const struct err *why,
    struct err *err)
{
	struct git git = { &a->workers->git, a->gitdir };
	struct git_look l = { .url = g->url,
		.ref = g->commit,
		.credentials = secret_for(a, g->url),
		.proxy = a->sources->proxy };
	struct git_seen seen;

	if (why->cls != ERR_MISSING || a->offline) {
		*err = *why;
		return -1;
	}
	return git_look(&git, &l, &seen, err);
}

static int
make_tar(
    struct deb_archive *a, const struct lock_git *g, int fd, struct err *err)
{
	auto_free char *name = mem_strn(g->file, strlen(g->file) - 4);
	struct git git = { &a->workers->git, a->gitdir };
	struct err why = ERR_INIT;

	if (git_tar(&git, g->url, g->commit, name, 0, fd, &why) == 0)
		return 0;
	if (refill(a, g, &why, err) == -1)
		return -1;
	return git_tar(&git, g->url, g->commit, name, 0, fd, err);
}

int
upstream_checkout(struct deb_archive *a, const struct lock_git *g,
    const char *folder, char path[GIT_CHECKOUT_MAX], struct err *err)
{
	struct git git = { &a->workers->git, a->gitdir };
	struct err why = ERR_INIT;

	git_checkout_path(g->url, g->commit, folder, path);
	if (file_exists_at(a->gitdir, path) ||
	    git_checkout(&git, g->url, g->commit, folder, path, &why) == 0)
		return 0;
	if (refill(a, g, &why, err) == -1)
		return -1;
	return git_checkout(&git, g->url, g->commit, folder, path, err);
}

static int
write_tar(struct deb_archive *a, const struct lock_git *g, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO git_tar (tree, name, digest, size)"
	    " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (tree, name)"
	    " DO UPDATE SET digest = ?3, size = ?4";
	auto_stmt struct stmt *q = db_stmt(a->db, sql);

	stmt_bind_str(q, 1, g->tree);
	stmt_bind_str(q, 2, g->file);
	stmt_bind_hash(q, 3, &g->sha256);
	stmt_bind_int(q, 4, g->size);
	return stmt_run(q, err);
}

int
upstream_export(struct deb_archive *a, struct lock_git *g, struct err *err)
{
	auto_tmp struct tmp tmp = TMP_INIT;

	if (g->size != -1 && store_has(a->store, &g->sha256))
		return 0;
	if (a->gitdir == -1)
		return err_set(err, ERR_MISSING,
		    "git %s: this command fetches no git sources", g->url);
	if (tmp_open(&tmp, a->tmpdir, 0600, err) == -1 ||
	    make_tar(a, g, tmp.fd, err) == -1)
		return -1;
	if (lseek(tmp.fd, 0, SEEK_SET) == -1)
		return err_sys(err, "%s: seek", g->file);
	if (store_put(a->store, tmp.fd, &g->sha256, &g->size, err) == -1)
		return err_prefix(err, "%s", g->file);
	return write_tar(a, g, err);
}

/* --- plain files --------------------------------------------------------- */

static void
show_progress(void *arg, int64_t done, int64_t total)
{
	progress_set(arg, done, total);
}

static int
fetch_from(struct deb_archive *a, const struct upstream_file *f,
    const char *url, struct err *err)
{
	struct progress p;
	int r;

	progress_begin(&p, a->db, "fetch", f->file, "B", -1);
	r = archive_get_sized(
	    a, url, &f->sha256, -1, UPSTREAM_FILE_MAX, show_progress, &p, err);
	progress_end(&p);
	return r;
}

static int
size_of(
    struct deb_archive *a, const struct hash *h, int64_t *size, struct err *err)
{
	auto_fd int fd = -1;

	if (store_get(a->store, h, &fd, err) == -1)
		return -1;
	return fd_size(fd, size, err);
}

int
upstream_fetch(struct deb_archive *a, const struct upstream_file *f,
    struct lock_file *out, struct err *err)
{
	int64_t size;
	int r = store_has(a->store, &f->sha256) ? 0 : -1;

	if (r == -1 && a->offline)
		return err_set(err, ERR_MISSING,
		    "%s is not in the store, and the farm is offline", f->file);
	for (size_t i = 0; r == -1 && i < f->nurls; i++) {
		err_clear(err);
		r = fetch_from(a, f, f->urls[i], err);
	}
	if (r == -1)
		return f->nurls == 1
			   ? err_prefix(err, "source %s", f->file)
			   : err_prefix(err,
				 "source %s: none of %zu addresses has it, "
				 "the last",
				 f->file, f->nurls);
	if (size_of(a, &f->sha256, &size, err) == -1)
		return -1;
	*out = (struct lock_file){ .file = mem_str(f->file),
		.url = mem_str(f->urls[0]),
		.sha256 = f->sha256,
		.size = size };
	return 0;
}
