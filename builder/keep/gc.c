#include "builder/keep/gc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/bake/env_list.h"
#include "builder/bake/usage.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

struct sweep {
	struct gc *g;
	struct needs *n;
	const struct env_place *at;
	json_t *gone; /* {HEX: true}: artifacts */
	json_t *dirs; /* names below env/ */
};

static void
note(struct sweep *s, bool keep, const char *what, const char *name,
    int64_t bytes, const char *why)
{
	json_t *j = json_object();

	js_set_str(j, "what", what);
	js_set_str(j, "name", name);
	js_set_int(j, "bytes", bytes);
	js_set_str(j, "why", why);
	json_array_append_new(keep ? s->g->kept : s->g->removed, j);
	*(keep ? &s->g->kept_bytes : &s->g->removed_bytes) += bytes;
}

static bool
is_young(const struct sweep *s, int64_t mtime)
{
	return mtime > s->n->now - s->n->rules.age;
}

/* --- artifacts ----------------------------------------------------------- */

static int
look(void *arg, const struct hash *h, const struct stat *st,
    struct err *err KILN_UNUSED)
{
	struct sweep *s = arg;
	const char *why = needs_why(s->n, h);
	char hex[HASH_HEX];

	hash_hex(h, hex);
	if (!why && is_young(s, st->st_mtime))
		why = "it came lately";
	note(s, why, "artifact", hex, st->st_size,
	    why ? why : "nothing names it any more");
	if (!why)
		js_set_bool(s->gone, hex, true);
	return 0;
}

/* --- env/ ---------------------------------------------------------------- */

static void
look_at_tree(struct sweep *s, int dirfd, const char *hex, bool deb)
{
	auto_free char *name = mem_printf("%s%s", deb ? "deb/" : "", hex);
	struct err gone = ERR_INIT;
	auto_fd int tree = dir_open_at(dirfd, hex, &gone);
	struct usage u = { 0 };
	const char *why;
	struct hash h;
	struct stat st;
	char list[ENV_LIST_NAME];

	if (!hash_parse(&h, hex) || tree == -1)
		return;
	usage_add(tree, INT64_MAX, &u);
	why = deb ? needs_why(s->n, &h)
		  : json_string_value(json_object_get(s->n->envs, hex));
	/* A package is kept unpacked as long as it is kept packed. */
	if (!why && deb && !json_object_get(s->gone, hex) &&
	    store_has(s->n->store, &h))
		why = "its package came lately";
	env_list_name(hex, list);
	if (!why && fstatat(dirfd, deb ? hex : list, &st, 0) == 0 &&
	    is_young(s, st.st_mtime))
		why = "it was made lately";
	note(s, why, deb ? "package" : "environment", name, u.bytes,
	    why	  ? why
	    : deb ? "nothing needs the package"
		  : "no plan that stands is run in it");
	if (!why)
		json_array_append_new(s->dirs, json_string(name));
}

static int
look_at_env(struct sweep *s, const char *sub, bool deb, struct err *err)
{
	auto_dir DIR *d = dir_list_at(s->at->dirfd, sub, err);
	const struct dirent *e;

	if (!d && err->cls == ERR_MISSING) {
		err_clear(err);
		return 0;
	}
	if (!d)
		return -1;
	while ((errno = 0, e = readdir(d)))
		look_at_tree(s, dirfd(d), e->d_name, deb);
	return errno ? err_sys(err, "list env/%s", sub) : 0;
}

/* --- farm.db ------------------------------------------------------------- */

/* Plans that have an output which goes, unless they are kept. */
static int
find_forgotten(struct sweep *s, struct err *err)
{
	static const char sql[] =
	    "SELECT DISTINCT p.digest, p.recipe || '/' || p.stage, o.digest"
	    " FROM plan p JOIN run r ON r.plan = p.digest"
	    " JOIN output o ON o.run = r.id"
	    " WHERE p.verdict = 'reproduced' AND r.state = 'succeeded'";
	auto_stmt struct stmt *q = db_stmt(s->n->farm, sql);
	int got;

	while ((got = stmt_step(q, err)) == 1)
		if (json_object_get(s->gone, stmt_str(q, 2)) &&
		    !json_object_get(s->n->plans, stmt_str(q, 0)))
			js_set_str(
			    s->g->forgotten, stmt_str(q, 0), stmt_str(q, 1));
	return got;
}

static int
with(struct db *db, const char *sql, const char *hex, struct err *err)
{
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, hex);
	return stmt_run(q, err);
}

static int
forget_rows(struct sweep *s, struct err *err)
{
	struct db *db = s->n->farm;
	const char *hex;
	json_t *v;

	json_object_foreach(s->g->forgotten, hex, v)
	{
		if (with(db,
			"UPDATE run SET state = 'lost', cause = 'collected',"
			" message = 'what it left was removed, since nothing"
			" needed it' WHERE plan = ?1"
			" AND state = 'succeeded'",
			hex, err) == -1 ||
		    with(db,
			/* Its record is evidence and stays. */
			"UPDATE plan SET verdict = NULL WHERE digest = ?1", hex,
			err) == -1)
			return -1;
	}
	json_object_foreach(s->gone, hex, v)
	{
		if (with(db, "DELETE FROM lock WHERE digest = ?1", hex, err) ==
			-1 ||
		    with(db, "DELETE FROM stock WHERE lock = ?1", hex, err) ==
			-1 ||
		    with(db, "DELETE FROM lock_kept WHERE lock = ?1", hex,
			err) == -1 ||
		    with(db, "DELETE FROM git_tar WHERE digest = ?1", hex,
			err) == -1)
			return -1;
	}
	return 0;
}

static int
forget(struct sweep *s, struct err *err)
{
	if (db_begin(s->n->farm, err) == -1)
		return -1;
	if (forget_rows(s, err) == -1) {
		db_rollback(s->n->farm);
		return -1;
	}
	return db_commit(s->n->farm, err);
}

/* --- all of it ----------------------------------------------------------- */

static int
remove_all(struct sweep *s, struct err *err)
{
	const char *hex;
	json_t *v;

	json_object_foreach(s->gone, hex, v)
	{
		struct hash h;

		if (hash_parse(&h, hex) &&
		    store_remove(s->n->store, &h, err) == -1)
			return -1;
	}
	for (size_t i = 0; i < json_array_size(s->dirs); i++)
		if (env_drop(s->at,
			json_string_value(json_array_get(s->dirs, i)),
			err) == -1)
			return -1;
	return 0;
}

int
gc_run(
    struct gc *g, struct needs *n, const struct env_place *at, struct err *err)
{
	auto_json json_t *gone = json_object(), *dirs = json_array();
	struct sweep s = { g, n, at, gone, dirs };

	g->kept = json_array();
	g->removed = json_array();
	g->forgotten = json_object();
	if (n->broken)
		return err_set(err, ERR_TRUST,
		    "a record that is needed cannot be read, so nothing goes"
		    " (%s): run `kiln verify`",
		    n->broken);
	if (store_walk(n->store, look, &s, err) == -1 ||
	    look_at_env(&s, ".", false, err) == -1 ||
	    look_at_env(&s, "deb", true, err) == -1 ||
	    find_forgotten(&s, err) == -1)
		return err_prefix(err, "gc");
	if (g->dry)
		return 0;
	if (forget(&s, err) == -1 || remove_all(&s, err) == -1)
		return err_prefix(err, "gc");
	return 0;
}

void
gc_release(struct gc *g)
{
	json_decref(g->kept);
	json_decref(g->removed);
	json_decref(g->forgotten);
	g->kept = g->removed = g->forgotten = NULL;
}
