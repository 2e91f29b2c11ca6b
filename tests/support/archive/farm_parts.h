/*
 * What the inputs work with, in the scratch folder: database, store, workers.
 * A test's main() hands "-x NAME" to worker_main().
 */
#ifndef KILN_FARM_PARTS_H
#define KILN_FARM_PARTS_H

#include "builder/inputs/lock_keep.h"
#include "builder/inputs/lock_make.h"
#include "builder/schema.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tests/support/scratch.h"

static struct {
	struct db *db;
	struct store *store;
	struct workers workers;
	struct apt_sources sources;
	struct deb_archive archive;
	int work, git;
	struct err err;
} parts;

static int KILN_UNUSED
parts_open(void)
{
	auto_free char *path = mem_printf("%s/farm.db", scratch.path);
	struct err *err = &parts.err;
	auto_fd int store = dir_make_at(scratch.fd, "store", 0755, err);

	*err = (struct err)ERR_INIT;
	parts.sources = (struct apt_sources)APT_SOURCES_INIT;
	parts.work = dir_make_at(scratch.fd, "work", 0700, err);
	parts.git = dir_make_at(scratch.fd, "git", 0755, err);
	parts.db = db_open(path, farm_migrations, farm_migrations_count, err);
	parts.store = store == -1 ? NULL : store_open(store, err);
	if (parts.git != -1 && role_walls() &&
	    fchown(parts.git, role_uid(ROLE_GIT), role_gid(ROLE_GIT)) == -1)
		return -1;
	if (parts.work == -1 || parts.git == -1 || !parts.db || !parts.store ||
	    workers_start(&parts.workers, err) == -1) {
		fprintf(stderr, "%s\n", err->msg);
		return -1;
	}
	parts.archive = (struct deb_archive){ .db = parts.db,
		.store = parts.store,
		.workers = &parts.workers,
		.sources = &parts.sources,
		.tmpdir = parts.work,
		.gitdir = parts.git };
	return 0;
}

static void KILN_UNUSED
parts_close(void)
{
	lock_keep_forget(parts.archive.news);
	workers_stop(&parts.workers);
	apt_sources_release(&parts.sources);
	store_free(parts.store);
	db_close(parts.db);
	close(parts.work);
	close(parts.git);
}

/* The one number that a query answers. */
static int64_t KILN_UNUSED
parts_ask(const char *sql)
{
	auto_stmt struct stmt *q = db_stmt(parts.db, sql);
	struct err err = ERR_INIT;

	return stmt_step(q, &err) == 1 ? stmt_int(q, 0) : -1;
}

static int
parts_count(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err)
{
	unsigned *n = arg;

	(void)path, (void)dirfd, (void)name, (void)err;
	*n += S_ISREG(st->st_mode);
	return 0;
}

/* How many artifacts the store holds. */
static unsigned KILN_UNUSED
parts_stored(void)
{
	auto_fd int fd = dir_open_at(scratch.fd, "store", &parts.err);
	unsigned n = 0;

	if (tree_walk(fd, parts_count, &n, &parts.err) == -1)
		return 0;
	return n;
}

#endif
