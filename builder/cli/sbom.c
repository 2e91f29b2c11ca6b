/* kiln sbom: what is told of an image for other tools to read. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "builder/cli/cmd.h"
#include "builder/plan/arch.h"
#include "lib/db.h"
#include "lib/drop.h"
#include "lib/farm.h"
#include "lib/own.h"
#include "lib/schema.h"
#include "lib/store.h"

#define WHERE "kiln sbom"
#define DOCUMENT_MAX ((size_t)64 << 20)

struct wanted {
	const char *what; /* an artifact, or a service: then its newest image */
	const char *arch, *format;
};

static int
find(
    struct db *db, const struct wanted *w, struct hash *digest, struct err *err)
{
	static const char by_digest[] =
	    "SELECT digest FROM document WHERE subject = ?1 AND format = ?2";
	static const char by_service[] =
	    "SELECT d.digest FROM release l"
	    " JOIN run r ON r.plan = l.plan JOIN output o ON o.run = r.id"
	    " JOIN document d ON d.subject = o.digest"
	    " WHERE l.service = ?1 AND l.arch = ?3 AND l.withheld IS NULL"
	    " AND d.format = ?2"
	    " ORDER BY l.made_at DESC, l.rowid DESC LIMIT 1";
	struct hash subject;
	bool is_digest = hash_parse(&subject, w->what);
	auto_stmt struct stmt *q =
	    db_stmt(db, is_digest ? by_digest : by_service);
	int got;

	stmt_bind_str(q, 1, w->what);
	stmt_bind_str(q, 2, w->format);
	if (!is_digest)
		stmt_bind_str(q, 3, w->arch);
	got = stmt_step(q, err);
	if (got == 1 && stmt_hash(q, 0, digest))
		return 0;
	if (got == -1)
		return -1;
	return is_digest ? err_set(err, ERR_MISSING,
			       "no %s document is about %s: it is neither "
			       "published nor inside of what is",
			       w->format, w->what)
			 : err_set(err, ERR_MISSING,
			       "no %s document is about an image of \"%s\" for "
			       "%s: nothing of that name was published",
			       w->format, w->what, w->arch);
}

static int
run(const char *state, const struct wanted *w, struct err *err)
{
	struct farm farm = FARM_INIT;
	auto_free char *path = NULL;
	auto_buf struct buf text = BUF_INIT;
	auto_db struct db *db = NULL;
	auto_fd int dir = -1;
	struct store *store = NULL;
	struct hash digest;
	int rc = -1;

	if (farm_enter(&farm, state, NULL, false, err) == 0 &&
	    drop_to(ROLE_CLI, err) == 0) {
		path = farm_file(&farm, "farm.db");
		dir = farm_dir(&farm, "store", err);
		db = dir == -1 ? NULL
			       : db_open_reader_of(path, FARM_SCHEMA, err);
		store = db ? store_open(dir, err) : NULL;
	}
	if (store && find(db, w, &digest, err) == 0 &&
	    store_read(store, &digest, DOCUMENT_MAX, &text, err) == 0)
		rc = 0;
	if (rc == 0 && (fwrite(text.data, 1, text.len, stdout) != text.len ||
			   fflush(stdout) != 0))
		rc = err_sys(err, "write");
	store_free(store);
	farm_release(&farm);
	return rc;
}

int
cmd_sbom(int argc, char **argv)
{
	struct wanted w = { .format = "spdx" };
	const char *state = NULL;
	struct err err = ERR_INIT;
	const struct cli_option options[] = {
		{ "state", .text = &state },
		{ "arch", .text = &w.arch },
		{ "format", .text = &w.format },
		{ 0 },
	};
	int c = cli_options(&kiln_program, argc, argv, options);

	if (c != -1)
		return c;
	if (strcmp(w.format, "spdx") != 0 &&
	    strcmp(w.format, "cyclonedx") != 0 &&
	    strcmp(w.format, "buildinfo") != 0)
		return cli_usage(WHERE,
		    "--format: \"%s\": spdx, cyclonedx or buildinfo", w.format);
	if (w.arch && !arch_known(w.arch))
		return cli_usage(
		    WHERE, "--arch: \"%s\" is none that is known", w.arch);
	if (argc - optind != 1)
		return cli_usage(
		    WHERE, "it is `sbom [--format F] IMAGE|SERVICE`");
	w.what = argv[optind];
	if (!w.arch)
		w.arch = arch_own(&err);
	return !w.arch || run(state, &w, &err) == -1
		   ? cli_fail(WHERE, &err, false)
		   : EXIT_DONE;
}
