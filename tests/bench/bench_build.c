/*
 * bench_build: one compile of a farm's, for measuring what the sandbox costs.
 *
 *	bench_build inputs STATE RECIPE ROOT         lays them out for a chroot
 *	bench_build sandbox STATE RECIPE ENV FOLDER  runs it as the builder does
 *
 * FOLDER holds store/, a copy of the farm's by hard links, and is written to.
 * Both run the same plan with the same variables, one job, any processor.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/bake/build.h"
#include "builder/bake/lane.h"
#include "builder/bake/mkpath.h"
#include "lib/db.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

static struct store *
open_store(const char *folder, struct err *err)
{
	auto_free char *path = mem_printf("%s/store", folder);
	auto_fd int fd = dir_open(path, err);

	return fd == -1 ? NULL : store_open(fd, err);
}

static struct plan *
load(const char *state, const char *recipe, struct store *st, struct err *err)
{
	static const char sql[] =
	    "SELECT plan FROM current WHERE recipe = ?1 AND stage = 'build'";
	auto_free char *path = mem_printf("%s/farm.db", state);
	auto_db struct db *db = db_open_reader(path, err);
	struct hash h;

	if (!db)
		return NULL;
	auto_stmt struct stmt *q = db_stmt(db, sql);
	stmt_bind_str(q, 1, recipe);
	if (stmt_step(q, err) != 1 || !stmt_hash(q, 0, &h)) {
		err_set(err, ERR_MISSING, "%s was never built", recipe);
		return NULL;
	}
	return plan_load(st, &h, err);
}

static int
put(int root, const char *path, struct store *st, const struct hash *h,
    struct err *err)
{
	const char *name;
	auto_fd int dir = mkpath_parent(root, path, &name, err);
	auto_fd int from = -1, to = -1;
	struct hash is;

	if (dir == -1 || store_get(st, h, &from, err) == -1)
		return -1;
	to = file_open_at(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0555, err);
	return to == -1 ? -1 : hash_copy(from, to, INT64_MAX, &is, NULL, err);
}

static int
inputs(const struct plan *p, struct store *st, const char *to, struct err *err)
{
	auto_fd int root = dir_open(to, err);

	if (root == -1)
		return -1;
	for (size_t i = 0; i < p->ntree; i++) {
		auto_free char *at =
		    mem_printf("kiln/recipe/%s", p->tree[i].path);

		if (put(root, at, st, &p->tree[i].sha256, err) == -1)
			return -1;
	}
	for (size_t i = 0; i < p->nsources; i++) {
		auto_free char *at =
		    mem_printf("kiln/sources/%s", p->sources[i].file);

		if (put(root, at, st, &p->sources[i].sha256, err) == -1)
			return -1;
	}
	for (size_t i = 0; i < p->nuses; i++) {
		auto_free char *at = mem_printf(
		    "kiln/uses/%s/%s", p->uses[i].recipe, p->uses[i].output);

		if (put(root, at, st, &p->uses[i].sha256, err) == -1)
			return -1;
	}
	return 0;
}

static int
sandbox(const struct plan *p, struct store *st, const char *env,
    const char *folder, struct err *err)
{
	static const struct budget budget = { .memory = (int64_t)2 << 30,
		.wall = 1800,
		.log = 16 << 20,
		.output = 256 << 20 };
	static const atomic_bool stop = false;
	auto_free char *work_path = mem_printf("%s/work", folder);
	auto_fd int dir = dir_open(folder, err);
	auto_fd int work = dir == -1 ? -1 : mkpath(dir, "work", err);
	auto_fd int logs = dir == -1 ? -1 : mkpath(dir, "log", err);
	struct build_place place = { .store = st,
		.workdir = work,
		.work_path = work_path,
		.logdir = logs };
	struct build_order o = { .id = 1,
		.plan = p,
		.lane = 'A',
		.vary = VARY(VARY_CPUS),
		.root = env,
		.stop = &stop };
	struct build_result r;
	int rc;

	if (work == -1 || logs == -1)
		return -1;
	build_limits(&budget, &o.process_memory, &o.limits);
	if (build_run(&place, &o, &r, err) == -1)
		return -1;
	rc = r.succeeded
		 ? 0
		 : err_set(err, ERR_SYSTEM, "the build failed: %s", r.message);
	for (size_t i = 0; i < r.outputs.n; i++) {
		char hex[HASH_HEX];

		hash_hex(&r.outputs.v[i].sha256, hex);
		printf("%s  %s\n", hex, r.outputs.v[i].name);
	}
	build_result_release(&r);
	return rc;
}

static int
run(int argc, char **argv, struct err *err)
{
	bool jail = strcmp(argv[1], "sandbox") == 0;
	struct store *st;
	int rc = -1;

	if (argc != (jail ? 6 : 5))
		return err_set(err, ERR_INPUT, "see the head of bench_build.c");
	st = open_store(jail ? argv[5] : argv[2], err);
	auto_plan struct plan *p = st ? load(argv[2], argv[3], st, err) : NULL;
	if (p)
		rc = jail ? sandbox(p, st, argv[4], argv[5], err)
			  : inputs(p, st, argv[4], err);
	store_free(st);
	return rc;
}

int
main(int argc, char **argv)
{
	struct err err = ERR_INIT;

	if (argc < 2 || run(argc, argv, &err) == -1) {
		fprintf(stderr, "bench_build: %s\n", err.msg);
		return 1;
	}
	return 0;
}
