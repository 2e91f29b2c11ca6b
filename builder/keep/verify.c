#include "builder/keep/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"

struct looking {
	struct verify *v;
	const struct needs *n;
	const struct env_place *at;
	json_t *seen; /* {HEX: true}: artifacts that are there */
	const char *top;
};

static void
damaged(struct verify *v, const char *what, const char *name,
    const char *problem, const char *needed_by)
{
	json_t *j = json_object();

	js_set_str(j, "what", what);
	js_set_str(j, "name", name);
	js_set_str(j, "problem", problem);
	js_set_str(j, "needed_by", needed_by);
	js_set_str(j, "mended", NULL);
	json_array_append_new(v->damage, j);
}

static void
say(const struct verify *v, const char *what)
{
	if (v->said)
		v->said(what);
}

/* --- artifacts ----------------------------------------------------------- */

static int
artifact(void *arg, const struct hash *h, const struct stat *st KILN_UNUSED,
    struct err *err KILN_UNUSED)
{
	struct looking *l = arg;
	struct err why = ERR_INIT;
	char hex[HASH_HEX];

	hash_hex(h, hex);
	js_set_bool(l->seen, hex, true);
	l->v->looked++;
	/* Gone since it was listed: nothing needed it. */
	if (store_verify(l->n->store, h, &why) == -1 && why.cls != ERR_MISSING)
		damaged(l->v, "artifact", hex,
		    why.cls == ERR_TRUST ? "its bytes have another digest"
					 : why.msg,
		    needs_why(l->n, h));
	return 0;
}

static void
missing(struct looking *l)
{
	const char *hex;
	json_t *v;

	json_object_foreach(l->n->must, hex, v)
	{
		struct hash h;

		/* It may have come meanwhile. */
		if (json_object_get(l->seen, hex) || !hash_parse(&h, hex) ||
		    store_has(l->n->store, &h))
			continue;
		damaged(l->v, "artifact", hex, "it is not there",
		    needs_why(l->n, &h));
	}
}

/* --- env/ ---------------------------------------------------------------- */

typedef void env_fn(struct looking *, const char *hex);

static void
environment(struct looking *l, const char *hex)
{
	struct err why = ERR_INIT;
	struct hash h;

	if (!hash_parse(&h, hex))
		return;
	l->v->looked++;
	if (env_same(l->at, &h, &why) == -1 &&
	    file_exists_at(l->at->dirfd, hex))
		damaged(l->v, "environment", hex, why.msg,
		    json_string_value(json_object_get(l->n->envs, hex)));
}

static void
package(struct looking *l, const char *hex)
{
	struct env_package p = { .name = hex };
	auto_free char *name = mem_printf("deb/%s", hex);
	struct err why = ERR_INIT;

	if (!hash_parse(&p.sha256, hex))
		return;
	l->v->looked++;
	if (env_check(l->at, &p, 1, 0, 1, &why) == -1 &&
	    file_exists_at(l->at->dirfd, name))
		damaged(l->v, "package", name,
		    why.cls == ERR_TRUST ? "its tree is not what was unpacked"
					 : why.msg,
		    needs_why(l->n, &p.sha256));
}

static int
each_name(struct looking *l, const char *sub, env_fn *fn, struct err *err)
{
	auto_dir DIR *d = dir_list_at(l->at->dirfd, sub, err);
	const struct dirent *e;

	if (!d && err->cls == ERR_MISSING) {
		err_clear(err);
		return 0;
	}
	if (!d)
		return -1;
	while ((errno = 0, e = readdir(d)))
		fn(l, e->d_name);
	return errno ? err_sys(err, "list env") : 0;
}

/* --- databases ----------------------------------------------------------- */

static void
database(struct looking *l, struct db *db, const char *name)
{
	struct err why = ERR_INIT;
	int got;

	if (!db)
		return;
	l->v->looked++;
	{
		auto_stmt struct stmt *q = db_stmt(
		    db, "SELECT integrity_check FROM pragma_integrity_check");

		while ((got = stmt_step(q, &why)) == 1)
			if (strcmp(stmt_str(q, 0), "ok") != 0)
				damaged(l->v, "database", name, stmt_str(q, 0),
				    NULL);
	}
	if (got == 0) {
		auto_stmt struct stmt *q = db_stmt(
		    db, "SELECT \"table\" FROM pragma_foreign_key_check");

		while ((got = stmt_step(q, &why)) == 1) {
			auto_free char *text = mem_printf(
			    "a row of %s names one that is not there",
			    stmt_str(q, 0));

			damaged(l->v, "database", name, text, NULL);
		}
	}
	if (got == -1)
		damaged(l->v, "database", name, why.msg, NULL);
}

/* --- what is published --------------------------------------------------- */

static int
target(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err KILN_UNUSED)
{
	struct looking *l = arg;
	auto_free char *shown = mem_printf("targets/%s", path);
	char hex[HASH_HEX] = "";
	struct err why = ERR_INIT;
	struct hash want, is;
	auto_fd int fd = -1;

	/* "HEX.name" */
	if (!S_ISREG(st->st_mode) || strlen(name) < HASH_HEX ||
	    name[HASH_HEX - 1] != '.')
		return 0;
	memcpy(hex, name, HASH_HEX - 1);
	if (!hash_parse(&want, hex))
		return 0;
	l->v->looked++;
	fd = file_open_at(dirfd, name, O_RDONLY, 0, &why);
	if (fd == -1 && why.cls == ERR_MISSING)
		return 0;
	if (fd == -1 || hash_fd(fd, &is, NULL, &why) == -1)
		damaged(l->v, "published", shown, why.msg, NULL);
	else if (!hash_equal(&want, &is))
		damaged(l->v, "published", shown,
		    "its bytes have another digest", NULL);
	else
		js_set_str(l->v->published, hex, shown);
	return 0;
}

/* What tuf.db says is in the tree: targets, and the bytes of each role. */
static int
listed(struct looking *l, struct err *err)
{
	static const char placed[] = "SELECT path, digest FROM placed";
	static const char roles[] =
	    "SELECT name, version, file FROM role WHERE published_at IS NOT"
	    " NULL AND file IS NOT NULL AND version = (SELECT max(version)"
	    " FROM role r WHERE r.name = role.name AND r.published_at IS NOT"
	    " NULL)";
	auto_stmt struct stmt *p = db_stmt(l->n->tuf, placed);
	auto_stmt struct stmt *r = db_stmt(l->n->tuf, roles);
	int got;

	while ((got = stmt_step(p, err)) == 1) {
		const char *path = stmt_str(p, 0);
		const char *slash = strrchr(path, '/');
		size_t dir = slash ? (size_t)(slash + 1 - path) : 0;
		auto_free char *full = mem_printf("targets/%.*s%s.%s", (int)dir,
		    path, stmt_str(p, 1), path + dir);

		if (!file_exists_at(l->v->tuf, full))
			damaged(l->v, "published", full, "it is not there",
			    "tuf.db says it was published");
	}
	while (got == 0 && (got = stmt_step(r, err)) == 1) {
		bool stamp = strcmp(stmt_str(r, 0), "timestamp") == 0;
		auto_free char *name =
		    stamp ? mem_str("metadata/timestamp.json")
			  : mem_printf("metadata/%lld.%s.json",
				(long long)stmt_int(r, 1), stmt_str(r, 0));
		auto_buf struct buf text = BUF_INIT;
		struct err why = ERR_INIT;
		const char *want = stmt_str(r, 2);

		l->v->looked++;
		if (file_read_at(
			l->v->tuf, name, (size_t)64 << 20, &text, &why) == -1)
			damaged(l->v, "published", name, why.msg,
			    "tuf.db says it was published");
		else if (strlen(want) != text.len ||
			 memcmp(want, text.data, text.len) != 0)
			damaged(l->v, "published", name,
			    "it is not what was signed", NULL);
		got = 0;
	}
	return got;
}

static int
published(struct looking *l, struct err *err)
{
	struct err none = ERR_INIT;
	auto_fd int targets = -1;
	static const char there[] =
	    "SELECT count(*) FROM sqlite_schema WHERE name IN ('placed',"
	    " 'role')";

	if (l->v->tuf == -1)
		return 0;
	targets = dir_open_at(l->v->tuf, "targets", &none);
	if (targets != -1 && tree_walk(targets, target, l, err) == -1)
		return -1;
	if (!l->n->tuf)
		return 0;
	{
		auto_stmt struct stmt *q = db_stmt(l->n->tuf, there);

		if (stmt_step(q, err) != 1)
			return -1;
		if (stmt_int(q, 0) != 2)
			return 0;
	}
	return listed(l, err);
}

int
verify_look(struct verify *v, const struct needs *n, const struct env_place *at,
    struct err *err)
{
	auto_json json_t *seen = json_object();
	struct looking l = { v, n, at, seen, NULL };

	v->damage = json_array();
	v->published = json_object();
	v->looked = 0;
	say(v, "databases");
	database(&l, n->farm, "farm.db");
	database(&l, n->tuf, "tuf.db");
	database(&l, n->web, "web.db");
	say(v, "store");
	if (store_walk(n->store, artifact, &l, err) == -1)
		return -1;
	missing(&l);
	say(v, "environments");
	if (each_name(&l, "deb", package, err) == -1 ||
	    each_name(&l, ".", environment, err) == -1)
		return -1;
	say(v, "published files");
	return published(&l, err);
}

size_t
verify_left(const struct verify *v)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(v->damage); i++)
		n += json_is_null(
		    json_object_get(json_array_get(v->damage, i), "mended"));
	return n;
}

void
verify_release(struct verify *v)
{
	json_decref(v->damage);
	json_decref(v->published);
	v->damage = v->published = NULL;
}
