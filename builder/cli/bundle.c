/* kiln bundle: all that a reproduction wants in one file. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "builder/cli/cmd.h"
#include "builder/cli/outfile.h"
#include "builder/doubt/bundle.h"
#include "builder/doubt/doubt.h"
#include "builder/doubt/proof.h"
#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/origin.h"
#include "lib/own.h"
#include "lib/schema.h"

#define WHERE "kiln bundle"

struct order {
	const char *state, *what, *file;
	bool unpublished, json;
};

/* What a farm has, for who may only read it. */
struct reading {
	struct farm farm;
	struct db *db;
	struct store *store;
	int dir, metadata;
	struct doubter at; /* its store, and nothing to build with */
	struct doubt doubt;
	struct bundle bundle;
	bool named; /* with who signs for it */
};

static void
reading_release(struct reading *r)
{
	bundle_release(&r->bundle);
	doubt_release(&r->doubt);
	store_free(r->store);
	db_close(r->db);
	own_close(&r->dir);
	own_close(&r->metadata);
	farm_release(&r->farm);
}

static int
open_farm(struct reading *r, const char *state, struct err *err)
{
	auto_free char *path = NULL;

	if (farm_enter(&r->farm, state, NULL, false, err) == -1 ||
	    drop_to(ROLE_CLI, err) == -1)
		return -1;
	path = farm_file(&r->farm, "farm.db");
	r->dir = farm_dir(&r->farm, "store", err);
	if (r->dir == -1)
		return err_prefix(err, "%s is no farm", r->farm.shown);
	r->metadata = farm_dir(&r->farm, "tuf/metadata", err);
	r->db = r->metadata == -1 ? NULL
				  : db_open_reader_of(path, FARM_SCHEMA, err);
	r->store = r->db ? store_open(r->dir, err) : NULL;
	if (!r->store)
		return -1;
	r->at.store = r->store;
	r->at.archive.store = r->store;
	return 0;
}

/* A recipe's image, or what else of it stands. */
static json_t *
origin_of_recipe(struct reading *r, const char *name, struct err *err)
{
	static const char sql[] =
	    "SELECT r.id FROM current c JOIN plan p ON p.digest = c.plan"
	    " JOIN run r ON r.plan = p.digest WHERE c.recipe = ?1 AND"
	    " p.verdict = 'reproduced' AND r.state = 'succeeded'"
	    " ORDER BY c.stage = 'image' DESC, r.id DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int got;

	stmt_bind_str(q, 1, name);
	got = stmt_step(q, err);
	if (got == 0)
		err_set(err, ERR_INPUT,
		    "\"%.200s\" is neither a recipe that was reproduced here, "
		    "nor a SHA-256, nor the number of a build",
		    name);
	return got == 1 ? origin_of_run(r->db, r->dir, stmt_int(q, 0), err)
			: NULL;
}

static int
find(struct reading *r, const char *what, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *j = NULL;
	auto_wish struct wish w = WISH_INIT;

	if (wish_parse(&w, what, err) == -1)
		return -1;
	if (w.kind == WISH_DIGEST)
		j = origin_of_digest(r->db, r->dir, &w.digest, err);
	else if (w.kind == WISH_RUN)
		j = origin_of_run(r->db, r->dir, w.run, err);
	else
		j = origin_of_recipe(r, what, err);
	if (!j || canon_json(j, &text, err) == -1)
		return -1;
	bundle_add_text(&r->bundle, BUNDLE_ORIGIN, &text);
	return doubt_load_stored(&r->doubt, &r->at, "origin", &text, err);
}

static int
add_blob(void *arg, const struct hash *h, const char *name, struct err *err)
{
	struct reading *r = arg;

	if (bundle_add_blob(&r->bundle, r->store, h, err) == 0)
		return 0;
	return err_prefix(err, "%s", name);
}

/* A tuf_get over the farm's own tree; what it gives is what is wanted. */
static int
get_metadata(void *arg, const char *url, int64_t limit, struct buf *out,
    int *status, struct err *err)
{
	struct reading *r = arg;
	auto_free char *name = NULL;

	url += strspn(url, "/");
	if (!file_exists_at(r->metadata, url)) {
		*status = 404;
		return 0;
	}
	if (file_read_at(r->metadata, url, (size_t)limit, out, err) == -1)
		return -1;
	*status = 200;
	name = mem_printf("%s%s", BUNDLE_METADATA, url);
	for (size_t i = 0; i < r->bundle.n; i++)
		if (strcmp(r->bundle.v[i].name, name) == 0)
			return 0;
	bundle_add_text(&r->bundle, name, out);
	return 0;
}

/* Judged on the way: a bundle that would be refused is not made. */
static int
add_metadata(struct reading *r, struct err *err)
{
	const struct doubt_plan *last = &r->doubt.plans[r->doubt.nplans - 1];
	struct naming_order o = { .where = "this farm",
		.service = r->doubt.origin.service,
		.arch = last->plan->arch,
		.tofu = true,
		.dirfd = -1,
		.get = get_metadata,
		.arg = r };
	struct naming n;

	r->named = r->doubt.origin.service;
	for (size_t i = 0; o.service && i < last->nexpected; i++) {
		o.image = &last->expected[i].sha256;
		if (naming_check(&o, &n, err) == -1)
			return err_prefix(err,
			    "without --unpublished somebody must sign for it");
	}
	return 0;
}

static int
write_bundle(void *arg, int fd, struct err *err)
{
	const struct order *o = arg;
	struct reading r = { .farm = FARM_INIT,
		.dir = -1,
		.metadata = -1,
		.bundle = BUNDLE_INIT };
	int rc = open_farm(&r, o->state, err);

	if (rc == 0)
		rc = find(&r, o->what, err);
	for (size_t i = 0; rc == 0 && i < r.doubt.nplans; i++) {
		const struct doubt_plan *p = &r.doubt.plans[i];

		rc = proof_plan(p->plan, p->lock, err);
		if (rc == 0)
			rc = proof_each(p->plan, p->lock, add_blob, &r, err);
	}
	if (rc == 0 && !o->unpublished)
		rc = add_metadata(&r, err);
	if (rc == 0)
		rc = bundle_write(&r.bundle, r.store, fd, err);
	if (rc == 0 && !r.named)
		fprintf(stderr, WHERE ": nobody's signature is in it\n");
	reading_release(&r);
	return rc;
}

int
cmd_bundle(int argc, char **argv)
{
	struct order o = { 0 };
	struct err err = ERR_INIT;
	int c;
	const struct cli_option options[] = {
		{ "state", .text = &o.state },
		{ "unpublished", .flag = &o.unpublished },
		{ "json", .flag = &o.json },
		{ 0 },
	};
	int rc = cli_options(&kiln_program, argc, argv, options);

	if (rc != -1)
		return rc;
	if (argc - optind != 2)
		return cli_usage(WHERE, "it is `bundle WHAT FILE.kiln`");
	o.what = argv[optind];
	o.file = argv[optind + 1];
	c = (int)strlen(o.file);
	if (c < 6 || strcmp(o.file + c - 5, ".kiln") != 0)
		return cli_usage(
		    WHERE, "\"%.200s\": a bundle is called NAME.kiln", o.file);
	rc = outfile_write(o.file, write_bundle, &o, WHERE, o.json, &err);
	return rc == -1 ? cli_fail(WHERE, &err, o.json) : rc;
}
