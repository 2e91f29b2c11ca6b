/* `kiln-tuf recover`: puts a lost tuf.db aside and makes a new one. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/journal.h"
#include "tuf-repo/pass.h"
#include "tuf-repo/recover.h"
#include "tuf-repo/rite.h"
#include "tuf-repo/roles.h"

#define WHERE "kiln-tuf recover"

struct floors {
	struct floor *v;
	size_t n, cap;
};

static void
floors_release(struct floors *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i].role);
	free(f->v);
}

static void
add_floor(struct floors *f, struct journal *j, const char *role)
{
	int64_t version = journal_version(j, role);

	if (version == 0)
		return;
	MEM_GROW(f->v, f->n, f->cap);
	f->v[f->n++] = (struct floor){ mem_str(role), version };
}

/* Roles first whose files the snapshot lists, then snapshot and timestamp. */
static int
read_floors(struct rite *r, struct floors *f, struct err *err)
{
	const struct tuf_file *t = r->change.now[PART_TARGETS];
	struct journal *j;

	if (!file_exists_at(r->online, "journal"))
		return err_set(err, ERR_MISSING,
		    "keys/online/journal is gone: nobody knows what was signed"
		    " and not published; put it back from a copy");
	/* Fails while a signer has it. */
	if (!(j = journal_open(r->online, 0, err)))
		return -1;
	for (size_t i = 0; i < t->nroles; i++)
		if (rule_of(t->roles[i].name))
			add_floor(f, j, t->roles[i].name);
	for (size_t i = 0; journal_role(j, i); i++)
		if (role_is_bin(journal_role(j, i)))
			add_floor(f, j, journal_role(j, i));
	add_floor(f, j, "snapshot");
	add_floor(f, j, "timestamp");
	journal_free(j);
	return 0;
}

/* --- the file ----------------------------------------------------------- */

/* farm_enter makes a new one as it must be. */
static int
put_aside(struct rite *r, int64_t now, struct err *err)
{
	static const char *const names[] = { "tuf.db", "tuf.db-wal",
		"tuf.db-shm", "tuf.db-journal" };
	struct farm again = FARM_INIT;
	int dir = r->w.farm.dirfd, rc;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		auto_free char *aside =
		    mem_printf("%s.lost-%lld", names[i], (long long)now);

		if (renameat(dir, names[i], dir, aside) == -1 &&
		    errno != ENOENT)
			return err_sys(err, "put %s aside", names[i]);
	}
	if (dir_sync(dir, err) == -1)
		return -1;
	rc = farm_enter(&again, r->w.farm.path, NULL, true, err);
	farm_release(&again);
	return rc;
}

/* --- the command -------------------------------------------------------- */

static int
recover(struct rite *r, struct floors *f, struct err *err)
{
	struct pass p = { .refresh = true };
	auto_buf struct buf root = BUF_INIT;

	if (rite_open(r, err) == -1 || read_floors(r, f, err) == -1 ||
	    put_aside(r, time_now(), err) == -1)
		return -1;
	buf_add(&root, r->change.current[PART_ROOT].data,
	    r->change.current[PART_ROOT].len);
	if (work_begin(&r->w, err) == -1 ||
	    recover_tree(&r->w.repo, &root, f->v, f->n, err) == -1)
		return -1;
	printf("tuf.db is made anew; the old one is beside it\n");
	return pass_run(&r->w.repo, &p, err);
}

int
cmd_recover(int argc, char **argv)
{
	static const struct option options[] = {
		WORK_OPTIONS,
		{ NULL, 0, NULL, 0 },
	};
	struct floors f = { NULL, 0, 0 };
	struct err err = ERR_INIT;
	struct rite r;
	int c, rc;

	rite_init(&r);
	while ((c = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
		if (!work_option(&r.w, WHERE, c, &rc))
			return cli_usage(WHERE, "see --help");
		if (rc)
			return rc;
	}
	if (optind != argc)
		return cli_usage(WHERE, "it takes no argument");
	rc = recover(&r, &f, &err);
	rite_release(&r);
	floors_release(&f);
	return rc == 0 ? EXIT_DONE : cli_fail(WHERE, &err, false);
}
