/*
 * bench_env: environments from a farm's store, for measuring.
 *
 *	bench_env list STATE RECIPE         the packages of its lock
 *	bench_env make STATE RECIPE FOLDER  an environment below FOLDER
 *
 * `list` prints name, version, architecture, digest and pool path.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "builder/bake/env.h"
#include "builder/bake/env_crew.h"
#include "builder/inputs/lock.h"
#include "builder/inputs/lock_make.h"
#include "lib/db.h"
#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

static struct lock *
load(struct db *db, struct store *st, const char *recipe, struct err *err)
{
	struct hash h;
	int r = lock_row_newest(db, recipe, &h, err);

	if (r == 0)
		err_set(err, ERR_MISSING, "%s has no lock", recipe);
	return r == 1 ? lock_load(st, &h, err) : NULL;
}

static void
list(const struct lock *l)
{
	for (size_t i = 0; i < l->build.n; i++) {
		const struct lock_package *p = &l->build.v[i];
		char hex[HASH_HEX];

		hash_hex(&p->sha256, hex);
		printf("%s %s %s %s %s\n", p->name, p->version, p->arch, hex,
		    p->path);
	}
}

static int
make(
    const struct lock *l, struct store *st, const char *folder, struct err *err)
{
	auto_free struct env_package *p = mem_zero(l->build.n, sizeof(*p));
	auto_env struct env env = ENV_INIT;
	auto_env_crew struct env_crew crew = { 0 };
	struct env_place at = { .path = folder, .store = st, .crew = &crew };
	auto_fd int dirfd = dir_open(folder, err);

	if (dirfd == -1 || env_crew_start(&crew, err) == -1)
		return -1;
	if (role_walls() &&
	    fchown(dirfd, role_uid(ROLE_ENV), role_gid(ROLE_ENV)) == -1)
		return err_sys(err, "give %s to kiln-env", folder);
	at.dirfd = dirfd;
	for (size_t i = 0; i < l->build.n; i++) {
		p[i].name = l->build.v[i].name;
		p[i].sha256 = l->build.v[i].sha256;
	}
	return env_make(&at, p, l->build.n, &env, err);
}

static int
run(int argc, char **argv, struct err *err)
{
	auto_free char *path = mem_printf("%s/farm.db", argv[2]);
	auto_db struct db *db = db_open_reader(path, err);
	auto_fd int state = dir_open(argv[2], err);
	auto_fd int dirfd = state == -1 ? -1 : dir_open_at(state, "store", err);
	auto_lock struct lock *l = NULL;
	struct store *st;
	int ret = -1;

	if (!db || dirfd == -1 || !(st = store_open(dirfd, err)))
		return -1;
	l = load(db, st, argv[3], err);
	if (l && argc == 4) {
		list(l);
		ret = 0;
	} else if (l) {
		ret = make(l, st, argv[4], err);
	}
	store_free(st);
	return ret;
}

int
main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	bool is_list = argc == 4 && strcmp(argv[1], "list") == 0;

	if (argc == 3 && strcmp(argv[1], "-x") == 0)
		return env_main();
	if (!is_list && !(argc == 5 && strcmp(argv[1], "make") == 0)) {
		fprintf(stderr, "bench_env: see the head of bench_env.c\n");
		return 2;
	}
	if (run(argc, argv, &err) == -1) {
		fprintf(stderr, "bench_env: %s\n", err.msg);
		return 1;
	}
	return 0;
}
