/* Bringing again what has a known origin: verify.h. */
#include <fcntl.h>
#include <string.h>

#include "builder/inputs/lock.h"
#include "builder/keep/verify.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

struct mending {
	struct verify *v;
	const struct needs *n;
	const struct env_place *at;
	struct deb_archive *archive; /* NULL: nothing is fetched */
	const char *arch;
	json_t *origins; /* {HEX: [suite, path, size]} */
	bool packages;	 /* one of them was damaged */
};

static void
origin(json_t *to, const struct hash *h, const char *suite, const char *path,
    int64_t size)
{
	char hex[HASH_HEX];

	hash_hex(h, hex);
	js_set(to, hex, json_pack("[s,s,I]", suite, path, (json_int_t)size));
}

/* What each kept lock says of where its files are from. */
static json_t *
find_origins(const struct needs *n)
{
	json_t *all = json_object();
	const char *hex;
	json_t *v;

	json_object_foreach(n->locks, hex, v)
	{
		auto_lock struct lock *l = NULL;
		struct err gone = ERR_INIT;
		struct hash h;

		if (!hash_parse(&h, hex) ||
		    !(l = lock_load(n->store, &h, &gone)))
			continue;
		const struct lock_packages *lists[] = { &l->build, &l->image };

		for (size_t k = 0; k < ARRAY_LEN(lists); k++)
			for (size_t i = 0; i < lists[k]->n; i++)
				origin(all, &lists[k]->v[i].sha256,
				    lists[k]->v[i].suite, lists[k]->v[i].path,
				    lists[k]->v[i].size);
		for (size_t i = 0; i < l->sources.n; i++)
			origin(all, &l->sources.v[i].sha256,
			    l->sources.v[i].suite, l->sources.v[i].path,
			    l->sources.v[i].size);
	}
	return all;
}

/* --- artifacts ----------------------------------------------------------- */

/* A sentence of what was done; NULL: *err says why not. */
static char *
fetch(struct mending *m, const struct hash *h, const json_t *from,
    struct err *err)
{
	const char *suite = json_string_value(json_array_get(from, 0));
	const char *path = json_string_value(json_array_get(from, 1));
	struct archive_suite s = { 0 };
	struct archive_file f = { .path = path,
		.sha256 = h,
		.size = json_integer_value(json_array_get(from, 2)) };
	int rc;

	if (archive_suite_load(m->archive, suite, m->arch, &s, err) == -1)
		return NULL;
	/* Damaged bytes are worth nothing, and would count as there. */
	rc = store_remove(m->n->store, h, err);
	if (rc == 0)
		rc = archive_fetch(m->archive, &s, &f, err);
	archive_suite_release(&s);
	return rc == 0 ? mem_printf("fetched again: %s of %s", path, suite)
		       : NULL;
}

static char *
copy_published(
    struct mending *m, const struct hash *h, const char *path, struct err *err)
{
	auto_fd int fd = file_open_at(m->v->tuf, path, O_RDONLY, 0, err);

	if (fd == -1 || store_put_expected(m->n->store, fd, h, -1, err) == -1)
		return NULL;
	return mem_str("copied from what is published");
}

static char *
mend_artifact(struct mending *m, const char *hex, bool needed, struct err *err)
{
	const json_t *from = json_object_get(m->origins, hex);
	const char *copy =
	    json_string_value(json_object_get(m->v->published, hex));
	struct hash h;

	if (!hash_parse(&h, hex))
		return NULL;
	/* Somebody was faster, a cycle of the builder maybe. */
	if (store_verify(m->n->store, &h, err) == 0)
		return mem_str("it is good now");
	err_clear(err);
	if (!needed)
		return store_remove(m->n->store, &h, err) == 0
			   ? mem_str("removed: nothing needs it")
			   : NULL;
	if (copy)
		return copy_published(m, &h, copy, err);
	if (!from) {
		err_set(err, ERR_MISSING,
		    "no archive lists it: bring it from a backup, or from"
		    " another farm (kiln lock import)");
		return NULL;
	}
	if (!m->archive) {
		err_set(err, ERR_BUSY, "it may be fetched, without --offline");
		return NULL;
	}
	return fetch(m, &h, from, err);
}

/* --- env/ ---------------------------------------------------------------- */

static char *
mend_env(struct mending *m, const char *name, struct err *err)
{
	if (env_drop(m->at, name, err) == -1)
		return NULL;
	return mem_str("removed: the next build makes it again");
}

/* Environments share the inodes of packages that were damaged. */
static int
drop_environments(struct mending *m, struct err *err)
{
	auto_json json_t *all = json_array();

	if (env_names(m->at, all, err) == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(all); i++)
		if (env_drop(m->at, json_string_value(json_array_get(all, i)),
			err) == -1)
			return -1;
	return 0;
}

static char *
mend_one(struct mending *m, const json_t *j, struct err *err)
{
	const char *what = json_string_value(json_object_get(j, "what"));
	const char *name = json_string_value(json_object_get(j, "name"));
	bool needed = json_is_string(json_object_get(j, "needed_by"));

	if (strcmp(what, "artifact") == 0)
		return mend_artifact(m, name, needed, err);
	if (strcmp(what, "environment") == 0)
		return mend_env(m, name, err);
	if (strcmp(what, "package") == 0) {
		m->packages = true;
		return mend_env(m, name, err);
	}
	err_set(err, ERR_MISSING, "%s",
	    strcmp(what, "database") == 0
		? "restore it from a backup"
		: "kiln-tuf publishes it: see `kiln-tuf check`");
	return NULL;
}

int
verify_mend(struct verify *v, const struct needs *n, const struct env_place *at,
    struct deb_archive *archive, const char *arch, struct err *err)
{
	auto_json json_t *origins = find_origins(n);
	struct mending m = { .v = v,
		.n = n,
		.at = at,
		.archive = archive,
		.arch = arch,
		.origins = origins };

	for (size_t i = 0; i < json_array_size(v->damage); i++) {
		json_t *j = json_array_get(v->damage, i);
		struct err why = ERR_INIT;
		auto_free char *how = mend_one(&m, j, &why);

		if (how)
			js_set_str(j, "mended", how);
		else
			js_set_str(j, "not_mended", why.msg);
	}
	return m.packages ? drop_environments(&m, err) : 0;
}
