#include "tuf-repo/prune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"
#include "tuf-repo/check.h"
#include "tuf-repo/own_target.h"
#include "tuf-repo/roles.h"

#define FRESH DAY /* somebody may be about to list it */

struct pruning {
	struct repo *r;
	struct prune *p;
	json_t *files;	/* {"metadata/…" or "targets/…": why} */
	json_t *images; /* {HEX: why}, wherever below images/ */
	const char *top;
	json_t *gone; /* paths below `top` that nothing needs */
};

void
prune_release(struct prune *p)
{
	json_decref(p->kept);
	json_decref(p->removed);
}

static void
need(json_t *o, const char *key, const char *why)
{
	if (key && !json_object_get(o, key))
		js_set_str(o, key, why);
}

/* --- roles ---------------------------------------------------------------- */

static int
need_role(struct pruning *w, const char *role, int64_t version, const char *why,
    struct err *err)
{
	auto_tuf struct tuf_file *f = NULL;
	auto_free char *path = NULL;
	char name[ROLE_FILE_MAX];

	role_file(role, version, name);
	path = mem_printf("metadata/%s", name);
	if (json_object_get(w->files, path))
		return 0;
	need(w->files, path, why);
	if (role_load(w->r->db, role, version, &f, NULL, err) == -1)
		return -1;
	for (size_t i = 0; i < f->ntargets; i++) {
		auto_free char *t = check_target_name(&f->targets[i]);
		auto_free char *at = mem_printf("targets/%s", t);
		auto_free char *by = mem_printf(
		    "listed by %s version %lld", role, (long long)version);

		need(w->files, at, by);
	}
	return 0;
}

static int
need_snapshot(struct pruning *w, int64_t version, struct err *err)
{
	auto_tuf struct tuf_file *f = NULL;
	auto_free char *why =
	    mem_printf("of snapshot %lld", (long long)version);

	if (need_role(w, "snapshot", version, why, err) == -1 ||
	    role_load(w->r->db, "snapshot", version, &f, NULL, err) == -1)
		return -1;
	for (size_t i = 0; i < f->nmeta; i++) {
		const char *name = f->meta[i].name;
		auto_free char *role =
		    mem_strn(name, strlen(name) - strlen(".json"));

		if (need_role(w, role, f->meta[i].version, why, err) == -1)
			return -1;
	}
	return 0;
}

static int
need_snapshots(struct pruning *w, struct err *err)
{
	static const char sql[] =
	    "SELECT version FROM role WHERE name = 'snapshot'"
	    " AND file IS NOT NULL ORDER BY version DESC LIMIT ?1";
	auto_stmt struct stmt *q = db_stmt(w->r->db, sql);
	int rc;

	stmt_bind_int(q, 1, PRUNE_KEEP);
	while ((rc = stmt_step(q, err)) == 1)
		if (need_snapshot(w, stmt_int(q, 0), err) == -1)
			return -1;
	return rc;
}

/* What is signed and not published yet. */
static int
need_newest(struct pruning *w, struct err *err)
{
	static const char sql[] =
	    "SELECT name, max(version) FROM role WHERE file IS NOT NULL"
	    " AND name NOT IN ('root', 'timestamp') GROUP BY name";
	auto_stmt struct stmt *q = db_stmt(w->r->db, sql);
	int rc;

	while ((rc = stmt_step(q, err)) == 1)
		if (need_role(w, stmt_str(q, 0), stmt_int(q, 1),
			"the newest of its role", err) == -1)
			return -1;
	return rc;
}

/* --- sets ----------------------------------------------------------------- */

static void
need_set(struct pruning *w, const char *channel, const char *arch,
    const char *hex, const char *text, const char *why)
{
	auto_free char *path =
	    mem_printf("targets/sets/%s/%s.%s.json", channel, hex, arch);
	auto_json json_t *set = json_loads(text, 0, NULL);
	const json_t *kernel = json_object_get(set, "kernel");
	const json_t *services = json_object_get(set, "services");

	need(w->files, path, why);
	need(w->images, json_string_value(json_object_get(kernel, "vmlinuz")),
	    why);
	need(w->images, json_string_value(json_object_get(kernel, "initrd")),
	    why);
	for (size_t i = 0; i < json_array_size(services); i++)
		need(w->images,
		    json_string_value(
			json_object_get(json_array_get(services, i), "image")),
		    why);
}

static int
need_sets(struct pruning *w, struct err *err)
{
	static const char sql[] =
	    "SELECT s.channel, s.arch, s.digest, t.bytes, s.counter"
	    " FROM \"set\" s JOIN own_target t ON t.digest = s.digest"
	    " WHERE (SELECT count(*) FROM \"set\" n"
	    " WHERE n.channel = s.channel AND n.arch = s.arch"
	    " AND n.counter > s.counter) < ?1";
	auto_stmt struct stmt *q = db_stmt(w->r->db, sql);
	int rc;

	stmt_bind_int(q, 1, PRUNE_KEEP);
	while ((rc = stmt_step(q, err)) == 1) {
		auto_free char *why = mem_printf("of set %s/%s %lld",
		    stmt_str(q, 0), stmt_str(q, 1), (long long)stmt_int(q, 4));

		need_set(w, stmt_str(q, 0), stmt_str(q, 1), stmt_str(q, 2),
		    stmt_str(q, 3), why);
	}
	return rc;
}

/* --- routers, deltas -------------------------------------------------------
 */

static int
need_reported_set(
    struct pruning *w, const json_t *report, const char *why, struct err *err)
{
	const json_t *set = json_object_get(report, "set");
	const char *channel =
	    json_string_value(json_object_get(report, "channel"));
	const char *arch = json_string_value(json_object_get(report, "arch"));
	const char *hex = json_string_value(json_object_get(set, "sha256"));
	auto_free char *text = NULL;
	struct hash h;

	if (!channel || !arch || !hex || !hash_parse(&h, hex))
		return 0;
	if (own_target_get(w->r, &h, &text, err) == -1)
		return -1;
	if (text)
		need_set(w, channel, arch, hex, text, why);
	return 0;
}

static int
need_report(
    struct pruning *w, const char *body, const char *why, struct err *err)
{
	auto_json json_t *report = json_loads(body, 0, NULL);
	const json_t *services = json_object_get(report, "services");

	for (size_t i = 0; i < json_array_size(services); i++)
		need(w->images,
		    json_string_value(
			json_object_get(json_array_get(services, i), "image")),
		    why);
	return need_reported_set(w, report, why, err);
}

/* What each router runs, and what it ran before that: it may go back. */
static int
need_reported(struct pruning *w, struct err *err)
{
	static const char sql[] =
	    "WITH last AS (SELECT router, max(id) AS id FROM report"
	    " GROUP BY router)"
	    " SELECT r.router, r.body, 0 FROM last l"
	    " JOIN report r ON r.id = l.id"
	    " UNION ALL SELECT r.router, r.body, 1 FROM last l"
	    " JOIN report n ON n.id = l.id JOIN report r ON r.id ="
	    " (SELECT max(o.id) FROM report o WHERE o.router = l.router"
	    " AND json_extract(o.body, '$.set.sha256') IS NOT NULL"
	    " AND json_extract(o.body, '$.set.sha256') IS NOT"
	    " json_extract(n.body, '$.set.sha256'))";
	int rc;

	if (!w->r->web)
		return 0;
	auto_stmt struct stmt *q = db_stmt(w->r->web, sql);
	while ((rc = stmt_step(q, err)) == 1) {
		auto_free char *why =
		    mem_printf("router %.12s %s", stmt_str(q, 0),
			stmt_int(q, 2) ? "ran it before" : "runs it");

		if (need_report(w, stmt_str(q, 1), why, err) == -1)
			return -1;
	}
	return rc;
}

static int
need_transport(struct pruning *w, struct err *err)
{
	static const char sql[] =
	    "SELECT service, arch, image, base, sha256, at FROM transport"
	    " WHERE sha256 IS NOT NULL";
	auto_stmt struct stmt *q = db_stmt(w->r->db, sql);
	int rc;

	while ((rc = stmt_step(q, err)) == 1) {
		const char *base = stmt_str(q, 3);
		auto_free char *name =
		    *base ? mem_printf("%s.from.%s", stmt_str(q, 2), base)
			  : mem_printf("%s.zst", stmt_str(q, 2));
		auto_free char *path =
		    mem_printf("targets/transport/%s/%s/%s.%s", stmt_str(q, 0),
			stmt_str(q, 1), stmt_str(q, 4), name);

		if (stmt_int(q, 5) > w->r->now - FRESH)
			need(w->files, path, "made today");
		if (*base && json_object_get(w->files, path))
			need(w->images, base, "a delta starts from it");
	}
	return rc;
}

static int
collect_needs(struct pruning *w, struct err *err)
{
	need(w->files, "metadata/timestamp.json", "where clients start");
	if (need_newest(w, err) == -1 || need_snapshots(w, err) == -1 ||
	    need_sets(w, err) == -1 || need_reported(w, err) == -1 ||
	    need_transport(w, err) == -1)
		return -1;
	return 0;
}

/* --- the tree ---------------------------------------------------------------
 */

static bool
is_root(const char *path)
{
	const char *base = path + strlen("metadata/");
	size_t digits = strspn(base, "0123456789");

	return strncmp(path, "metadata/", 9) == 0 && digits > 0 &&
	       strcmp(base + digits, ".root.json") == 0;
}

/* "HEX." before the name: a target of ours. */
static bool
has_hash(const char *name, char hex[HASH_HEX])
{
	struct hash h;

	if (strlen(name) < HASH_HEX || name[HASH_HEX - 1] != '.')
		return false;
	memcpy(hex, name, HASH_HEX - 1);
	hex[HASH_HEX - 1] = '\0';
	return hash_parse(&h, hex);
}

static const char *
why_kept(const struct pruning *w, const char *path, const char *name,
    const struct stat *st)
{
	const char *why = json_string_value(json_object_get(w->files, path));
	bool target = strncmp(path, "targets/", 8) == 0;
	char hex[HASH_HEX];

	if (why)
		return why;
	if (is_root(path))
		return "every root stays";
	if (target && !has_hash(name, hex))
		return "not named as a target is";
	if (!target && (name[0] < '1' || name[0] > '9'))
		return "not named as a role's version is";
	if (strncmp(path, "targets/images/", 15) == 0 &&
	    (why = json_string_value(json_object_get(w->images, hex))))
		return why;
	if (st->st_ctime > w->r->now - FRESH &&
	    strncmp(path, "targets/transport/", 18) == 0)
		return "it came today";
	return NULL;
}

static int
look(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err)
{
	struct pruning *w = arg;
	auto_free char *full = mem_printf("%s/%s", w->top, path);
	const char *why;

	(void)dirfd;
	(void)err;
	if (!S_ISREG(st->st_mode))
		return 0;
	why = why_kept(w, full, name, st);
	if (why) {
		js_set_str(w->p->kept, full, why);
		return 0;
	}
	js_set_int(w->p->removed, full, st->st_size);
	w->p->bytes += st->st_size;
	json_array_append_new(w->gone, json_string(path));
	return 0;
}

/* "images/a/b/HEX.HEX" was placed as "images/a/b/HEX". */
static int
forget(struct repo *r, const char *path, struct err *err)
{
	static const char sql[] =
	    "DELETE FROM placed WHERE path = ?1 AND digest = ?2";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	const char *slash = strrchr(path, '/');
	auto_free char *plain = NULL;
	char hex[HASH_HEX];

	if (!slash || !has_hash(slash + 1, hex))
		return 0;
	plain = mem_printf(
	    "%.*s%s", (int)(slash + 1 - path), path, slash + 1 + HASH_HEX);
	stmt_bind_str(q, 1, plain);
	stmt_bind_str(q, 2, hex);
	return stmt_run(q, err);
}

/* The record goes first: what it says is in the tree must be there. */
static int
remove_all(struct pruning *w, int dirfd, struct err *err)
{
	struct repo *r = w->r;

	if (db_begin(r->db, err) == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(w->gone); i++) {
		if (forget(r, json_string_value(json_array_get(w->gone, i)),
			err) == -1) {
			db_rollback(r->db);
			return -1;
		}
	}
	if (db_commit(r->db, err) == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(w->gone); i++)
		if (file_remove_at(dirfd,
			json_string_value(json_array_get(w->gone, i)),
			err) == -1)
			return -1;
	return 0;
}

static int
prune_below(struct pruning *w, const char *top, int dirfd, struct err *err)
{
	auto_json json_t *gone = json_array();

	w->top = top;
	w->gone = gone;
	if (tree_walk(dirfd, look, w, err) == -1)
		return -1;
	return w->p->dry ? 0 : remove_all(w, dirfd, err);
}

int
prune_tree(struct repo *r, struct prune *p, struct err *err)
{
	auto_json json_t *files = json_object(), *images = json_object();
	struct pruning w = { .r = r, .p = p, .files = files, .images = images };

	p->kept = json_object();
	p->removed = json_object();
	if (collect_needs(&w, err) == -1 ||
	    prune_below(&w, "targets", r->targets, err) == -1 ||
	    prune_below(&w, "metadata", r->metadata, err) == -1)
		return err_prefix(err, "prune");
	if (!p->dry && json_object_size(p->removed))
		repo_event(r, "pruned", "", "%zu files, %lld bytes",
		    json_object_size(p->removed), (long long)p->bytes);
	return 0;
}

/* --- through the one that serves -------------------------------------------
 */

#define ASKED "prune_asked"

int
prune_ask(struct repo *r, struct err *err)
{
	return state_set(r->db, ASKED, 1, err);
}

int
prune_if_asked(struct repo *r, struct err *err)
{
	struct prune p = { .dry = false };
	int64_t asked;
	int rc;

	if (state_get(r->db, ASKED, &asked, err) == -1)
		return -1;
	if (!asked)
		return 0;
	rc = prune_tree(r, &p, err);
	if (rc == 0)
		log_info("pruned", "files=%zu bytes=%lld",
		    json_object_size(p.removed), (long long)p.bytes);
	prune_release(&p);
	return rc == 0 ? state_set(r->db, ASKED, 0, err) : -1;
}
