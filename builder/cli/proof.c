/* kiln proof: what was measured and proven of what the farm gives. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/cli/ask.h"
#include "builder/cli/cmd.h"
#include "builder/cli/opened.h"
#include "builder/judge/proven.h"
#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define WHERE "kiln proof"
#define RELEASE_MAX ((size_t)16 << 20)
#define FILES_MAX 256

struct options {
	const char *state;
	bool json;
	char **words;
	size_t n;
};

/* --- record ----------------------------------------------------------------
 */

struct batch {
	struct buf text[FILES_MAX];
	struct proven proven[FILES_MAX];
	size_t n;
};

static void
batch_free(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		buf_release(&b->text[i]);
		proven_release(&b->proven[i]);
	}
	free(b);
}

static int
record_all(const struct options *opt, struct opened *o, struct batch *b,
    struct err *err)
{
	size_t fresh = 0;

	for (size_t i = 0; i < b->n; i++)
		if (proven_read(opt->words[i], b->text[i].data, b->text[i].len,
			&b->proven[i], err) == -1 ||
		    proven_check(o->db, o->store, opt->words[i], &b->proven[i],
			err) == -1)
			return -1;
	if (proven_record(o->db, o->store, b->proven, b->n, &fresh, err) == -1)
		return -1;
	for (size_t i = 0; i < b->n; i++) {
		char hex[HASH_HEX];

		hash_hex(&b->proven[i].digest, hex);
		printf("%s\n", hex);
	}
	if (fresh < b->n)
		fprintf(stderr, WHERE ": %zu of %zu were recorded before\n",
		    b->n - fresh, b->n);
	return 0;
}

/* The caller reads the files, the builder what is in them. */
static int
record(const struct options *opt, struct err *err)
{
	auto_opened struct opened o = OPENED_INIT;
	struct batch *b = mem_zero(1, sizeof(*b));
	int rc = 0;

	while (rc == 0 && b->n < opt->n) {
		b->text[b->n] = (struct buf)BUF_INIT;
		b->proven[b->n] = (struct proven)PROVEN_INIT;
		rc = file_read(
		    opt->words[b->n], PROVEN_MAX, &b->text[b->n], err);
		b->n++;
	}
	if (rc == 0 &&
	    (farm_enter(&o.farm, opt->state, NULL, false, err) == -1 ||
		drop_to(ROLE_BUILDER, err) == -1 ||
		opened_parts(&o, true, err) == -1 ||
		record_all(opt, &o, b, err) == -1))
		rc = -1;
	batch_free(b);
	return rc;
}

/* --- show ------------------------------------------------------------------
 */

#define KEYS                                                                  \
	"recipe stage plan verdict image bytes# image_max# release record"    \
	" at@ arch script passed# failed# kernel kernel_recipe accel memory#" \
	" answer_ms# least#"

/* One that an older image has, too: by the digest of what it is about. */
static json_t *
rows_of(struct db *db, const char *what, struct err *err)
{
	static const char standing[] =
	    "SELECT recipe, stage, plan, verdict, image, bytes, image_max,"
	    " release, record, at, arch, script, passed, failed, kernel,"
	    " kernel_recipe, accel, memory, answer_ms, least FROM proven"
	    " WHERE ?1 IS NULL OR recipe = ?1 ORDER BY recipe";
	static const char digest[] =
	    "SELECT p.recipe, p.stage, p.digest, p.verdict, iif(o.name ="
	    "  'image', o.digest, NULL), o.size, NULL, (SELECT digest FROM"
	    "  release WHERE plan = p.digest ORDER BY made_at DESC LIMIT 1),"
	    " f.digest, f.at, f.arch, f.script, f.passed, f.failed, f.kernel,"
	    " (SELECT k.recipe FROM output v JOIN run n ON n.id = v.run JOIN"
	    "  plan k ON k.digest = n.plan WHERE v.digest = f.kernel ORDER BY"
	    "  v.run DESC LIMIT 1), f.accel, f.memory, f.answer_ms, f.least"
	    " FROM proof_subject s JOIN proof f ON f.id = s.proof JOIN output"
	    " o ON o.digest = s.digest AND o.run = (SELECT max(run) FROM"
	    "  output WHERE digest = s.digest) JOIN run r ON r.id = o.run"
	    " JOIN plan p ON p.digest = r.plan WHERE s.digest = ?1"
	    " ORDER BY f.id DESC";
	struct hash h;
	bool by_digest = what && hash_parse(&h, what);
	json_t *rows =
	    ask_rows(db, by_digest ? digest : standing, KEYS, what, err);

	if (!rows || !what || json_array_size(rows))
		return rows;
	json_decref(rows);
	err_set(err, ERR_MISSING,
	    by_digest ? "nothing is recorded of %s"
		      : "\"%s\" is no recipe of this farm that has an image, "
			"or programs that were proven",
	    what);
	return NULL;
}

static json_t *
stored(struct store *store, const char *hex, size_t max)
{
	auto_buf struct buf text = BUF_INIT;
	struct err gone = ERR_INIT;
	struct hash h;

	if (!hash_parse(&h, hex) ||
	    store_read(store, &h, max, &text, &gone) == -1)
		return NULL;
	return js_parse(hex, text.data, text.len, &gone);
}

/* What only the records say: the version, and what the bytes are. */
static void
add_records(struct store *store, json_t *rows)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		auto_json json_t *release =
		    stored(store, ask_str(row, "release"), RELEASE_MAX);
		auto_json json_t *said =
		    stored(store, ask_str(row, "record"), PROVEN_MAX);
		json_t *parts = json_object_get(
		    json_object_get(
			json_object_get(said, "predicate"), "kiln_measured"),
		    "parts");

		js_set_str(row, "version",
		    json_string_value(json_object_get(release, "version")));
		if (json_is_null(json_object_get(row, "arch")))
			js_set_str(row, "arch",
			    json_string_value(
				json_object_get(release, "arch")));
		if (parts)
			json_object_set(row, "parts", parts);
		else
			js_set(row, "parts", json_array());
	}
}

static void
print_row(const json_t *row)
{
	auto_buf struct buf b = BUF_INIT;

	buf_printf(
	    &b, "%-18s %-6s ", ask_str(row, "recipe"), ask_str(row, "arch"));
	num_add_size(&b, ask_int(row, "bytes"));
	if (ask_int(row, "image_max")) {
		buf_printf(&b, " of ");
		num_add_size(&b, ask_int(row, "image_max"));
	}
	if (*ask_str(row, "accel")) {
		buf_printf(&b, ", answers after ");
		num_add_duration(&b, ask_int(row, "answer_ms"));
		buf_printf(&b, " (%s, %s), needs ", ask_str(row, "accel"),
		    ask_str(row, "kernel_recipe"));
		num_add_size(&b, ask_int(row, "least"));
		buf_printf(&b, " of ");
		num_add_size(&b, ask_int(row, "memory"));
	}
	if (*ask_str(row, "record"))
		buf_printf(&b, ", %" PRId64 " of %" PRId64 " by %s, %s",
		    ask_int(row, "passed"),
		    ask_int(row, "passed") + ask_int(row, "failed"),
		    ask_str(row, "script"), ask_str(row, "at"));
	else
		buf_printf(&b, ", nobody has measured it");
	printf("%s, %s\n", b.data, ask_str(row, "verdict"));
}

static void
print_parts(const json_t *row)
{
	const json_t *part;
	size_t i;

	json_array_foreach(json_object_get(row, "parts"), i, part)
	{
		auto_buf struct buf size = BUF_INIT;

		num_add_size(&size, ask_int(part, "bytes"));
		printf("  %9s  %s\n", size.data, ask_str(part, "origin"));
	}
}

static int
show(const struct options *opt, struct err *err)
{
	auto_opened struct opened o = OPENED_INIT;
	auto_json json_t *rows = NULL;
	auto_buf struct buf text = BUF_INIT;
	const json_t *row;
	size_t i;

	if (farm_enter(&o.farm, opt->state, NULL, false, err) == -1 ||
	    drop_to(ROLE_CLI, err) == -1 ||
	    opened_parts(&o, false, err) == -1 ||
	    !(rows = rows_of(o.db, opt->n ? opt->words[0] : NULL, err)))
		return -1;
	add_records(o.store, rows);
	if (opt->json) {
		js_text(rows, true, &text);
		puts(text.data);
		return 0;
	}
	json_array_foreach(rows, i, row)
	{
		print_row(row);
		if (opt->n)
			print_parts(row);
	}
	if (json_array_size(rows) == 0)
		puts("no image stands in this farm yet");
	return 0;
}

/* ------------------------------------------------------------------------- */

int
cmd_proof(int argc, char **argv)
{
	struct options opt = { 0 };
	struct err err = ERR_INIT;
	const char *verb;
	bool adds;
	const struct cli_option options[] = {
		{ "state", .text = &opt.state },
		{ "json", .flag = &opt.json },
		{ 0 },
	};
	int c = cli_options(&kiln_program, argc, argv, options);

	if (c != -1)
		return c;
	verb = optind < argc ? argv[optind] : "";
	opt.words = argv + optind + 1;
	opt.n = *verb ? (size_t)(argc - optind - 1) : 0;
	adds = strcmp(verb, "record") == 0;
	if (!(adds && opt.n >= 1 && opt.n <= FILES_MAX) &&
	    !(strcmp(verb, "show") == 0 && opt.n <= 1))
		return cli_usage(
		    WHERE, "it is `record FILE...` or `show [RECIPE|DIGEST]`");
	return (adds ? record(&opt, &err) : show(&opt, &err)) == -1
		   ? cli_fail(WHERE, &err, opt.json)
		   : EXIT_DONE;
}
