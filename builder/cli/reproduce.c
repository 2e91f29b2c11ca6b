/* kiln reproduce: somebody else's artifact, built again here. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/cli/cmd.h"
#include "builder/cli/said.h"
#include "builder/doubt/bundle.h"
#include "builder/doubt/doubt.h"
#include "builder/doubt/explain.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define WHERE "kiln reproduce"
#define INSTALLED_ROOT "/etc/kiln/root.json"

static atomic_bool stop; /* set by a signal */

struct order {
	struct doubter_options at;
	struct wish wish;
	int file; /* of a wish that is one; -1 */
	char *from;
	struct buf root; /* of --root */
	const char *lanes;
	bool has_root, tofu, unpublished, keep, json, diff, deep;
};

static void
on_signal(int sig)
{
	(void)sig;
	atomic_store(&stop, true);
}

/* --- what came of it ----------------------------------------------------- */

static void
add_lanes(struct buf *b, const struct doubt *d)
{
	const struct doubt_plan *last = &d->plans[d->nplans - 1];

	buf_str(b, last->nruns > 1 ? "lanes " : "lane ");
	for (size_t k = 0; k < last->nruns; k++)
		buf_printf(b, "%s%c", k ? " and " : "", last->runs[k].lane);
}

static void
show_good(const struct doubt *d)
{
	const struct doubt_plan *last = &d->plans[d->nplans - 1];
	auto_buf struct buf b = BUF_INIT;

	for (size_t i = 0; i < last->nexpected; i++) {
		char hex[HASH_HEX];

		hash_hex(&last->expected[i].sha256, hex);
		buf_printf(
		    &b, "%s%s %s", i ? ", " : "", last->expected[i].name, hex);
	}
	buf_printf(&b, " of %s: %zu plan%s built again in ",
	    last->origin->recipe, d->nplans, d->nplans == 1 ? "" : "s");
	add_lanes(&b, d);
	buf_str(&b, ", ");
	num_add_duration(&b, d->wall_ms);
	if (d->named)
		buf_printf(&b, "; signed for by %" PRId64 " key%s of %s",
		    d->naming.keys, d->naming.keys == 1 ? "" : "s",
		    d->naming.role);
	else
		buf_str(&b, "; no published name was asked for");
	printf("reproduced: %s\n", b.data);
}

static void
show_bad(const struct doubt *d)
{
	const struct doubt_difference *f = &d->difference;
	char expected[HASH_HEX], got[HASH_HEX];

	printf("not reproduced: %s %s, lane %c: ", f->plan->origin->recipe,
	    recipe_stage_name(f->plan->plan->stage), f->run->lane);
	if (!f->output) {
		printf("%s (cause=%s)\n", f->run->result.message,
		    f->run->result.cause);
		return;
	}
	hash_hex(&f->expected, expected);
	hash_hex(&f->got, got);
	printf("%s is %s and should be %s\n", f->output, got, expected);
}

/* Where the outputs lie that were kept. */
static void
show_kept(const struct doubt *d)
{
	for (size_t i = 0; i < d->nplans; i++)
		for (size_t k = 0; k < d->plans[i].nruns; k++) {
			const struct doubt_run *r = &d->plans[i].runs[k];
			char path[STORE_PATH];

			if (!r->ended)
				continue;
			for (size_t o = 0; o < r->result.outputs.n; o++) {
				const struct output *out =
				    &r->result.outputs.v[o];

				store_path(&out->sha256, path);
				fprintf(stderr, "kept: %s/store/%s %s %c %s\n",
				    d->at->farm.shown, path,
				    d->plans[i].origin->recipe, r->lane,
				    out->name);
			}
			store_path(&r->result.log, path);
			fprintf(stderr, "kept: %s/store/%s %s %c log\n",
			    d->at->farm.shown, path, d->plans[i].origin->recipe,
			    r->lane);
		}
}

static void
show_json(const struct doubt *d, const struct explanation *e)
{
	auto_json json_t *j = doubt_json(d);
	auto_buf struct buf text = BUF_INIT;

	if (e->difference)
		js_set(j, "findings", json_incref(e->difference));
	if (e->cause)
		js_set(j, "cause", json_incref(e->cause));
	js_text(j, true, &text);
	printf("%s\n", text.data);
}

/* What a build said comes from outside: control bytes stay away. */
static void
show_log(const struct doubt *d)
{
	auto_buf struct buf log = BUF_INIT;

	explain_log(d, &log);
	for (size_t i = 0; i < log.len; i++) {
		unsigned char c = (unsigned char)log.data[i];

		fputc((c < ' ' && c != '\n') || c > '~' ? '?' : c, stderr);
	}
}

static int
show(struct doubt *d, const struct order *o, struct err *err)
{
	bool good = d->outcome == DOUBT_REPRODUCED;
	auto_buf struct buf words = BUF_INIT;
	struct explanation e = { .deep = BUF_INIT };

	if (!good && o->diff && explain(d, &e, o->deep, err) == -1)
		return -1;
	said_clear();
	if (!good && !d->difference.output)
		show_log(d);
	if (o->keep)
		show_kept(d);
	if (o->json) {
		show_json(d, &e);
	} else if (good) {
		show_good(d);
	} else {
		explain_words(&e, &words);
		fputs(words.data, stdout);
		show_bad(d);
	}
	explain_release(&e);
	return good ? EXIT_DONE : EXIT_DIFFERS;
}

/* --- doing it ------------------------------------------------------------ */

static void
say_name(const struct naming *n)
{
	char hex[HASH_HEX];

	hash_hex(&n->root, hex);
	fprintf(stderr,
	    WHERE ": %s signs for it with %" PRId64 " of at least %" PRId64
		  " keys; root %" PRId64 ", %sSHA-256 %s%s\n",
	    n->role, n->keys, n->threshold, n->root_version,
	    n->first_use ? "taken on first use: " : "", hex,
	    n->demo ? " (a demonstration's keys)" : "");
}

/* The operator's, else the machine's. */
static int
find_root(const struct order *o, const struct doubter *at, struct buf *b,
    bool *there, struct err *err)
{
	const char *path = at->settings.root;

	*there = true;
	if (o->has_root) {
		buf_add(b, o->root.data, o->root.len);
		return 0;
	}
	if (path)
		return file_read(path, TUF_ROOT_MAX, b, err);
	*there = access(INSTALLED_ROOT, F_OK) == 0;
	return *there ? file_read(INSTALLED_ROOT, TUF_ROOT_MAX, b, err) : 0;
}

static int
name(struct doubt *d, const struct order *o, struct err *err)
{
	auto_buf struct buf root = BUF_INIT;
	struct doubt_trust t = { .tofu = o->tofu };
	bool there;

	if (!doubt_is_published(d)) {
		fprintf(stderr,
		    WHERE ": it is an output that others use: nobody signs "
			  "for it\n");
		return 0;
	}
	if (find_root(o, d->at, &root, &there, err) == -1)
		return err_prefix(err, "trusted root");
	if (there)
		t.root = &root;
	if (doubt_name(d, &t, err) == -1)
		return -1;
	say_name(&d->naming);
	return 0;
}

static int
load(
    struct doubt *d, struct doubter *at, const struct order *o, struct err *err)
{
	struct doubt_order what = { .wish = &o->wish,
		.from = o->from ? o->from : o->wish.from };
	auto_free char *from = NULL;

	if (!what.from && at->settings.from) {
		if (wish_from(at->settings.from, &from, err) == -1)
			return -1;
		what.from = from;
	}
	if (!what.from)
		return err_set(err, ERR_INPUT,
		    "of which farm? --from URL, or \"from\" in kiln.yaml(5)");
	return doubt_load(d, at, &what, err);
}

static int
open_bundle(struct doubt *d, struct doubter *at, struct bundle *b, int file,
    struct err *err)
{
	doubter_tell(at, "reading the bundle", "", 0, -1, "members");
	if (bundle_take(b, file, at->store, at->workdir, err) == -1)
		return -1;
	return doubt_load_bundle(d, at, b, err);
}

static int
reproduce(struct doubt *d, struct doubter *at, struct bundle *b,
    const struct order *o, struct err *err)
{
	int rc = o->wish.kind == WISH_BUNDLE
		     ? open_bundle(d, at, b, o->file, err)
		     : load(d, at, o, err);

	if (rc == -1)
		return -1;
	/* Who it is by comes before what is fetched for it. */
	if (!o->unpublished && name(d, o, err) == -1)
		return -1;
	if (doubt_prove(d, err) == -1 || doubt_run(d, o->lanes, err) == -1)
		return -1;
	said_clear();
	return show(d, o, err);
}

/* 64 hex digits are worth nothing if the file is another one by now. */
static int
hash_file(struct order *o, struct err *err)
{
	if (o->wish.kind != WISH_FILE)
		return 0;
	return hash_fd(o->file, &o->wish.digest, NULL, err);
}

static int
run(struct order *o, struct err *err)
{
	auto_doubter struct doubter at = DOUBTER_INIT;
	auto_bundle struct bundle b = BUNDLE_INIT;
	struct doubt d = { 0 };
	int rc;

	at.stop = &stop;
	at.tell = said;
	if (doubter_open(&at, &o->at, err) == -1 || hash_file(o, err) == -1)
		return -1;
	rc = reproduce(&d, &at, &b, o, err);
	said_clear();
	if (!o->keep)
		doubt_forget(&d);
	doubt_release(&d);
	return rc;
}

/* What only the caller may read is opened while we are the caller. */
static int
open_files(struct order *o, const char *root, struct err *err)
{
	if (root && file_read(root, TUF_ROOT_MAX, &o->root, err) == -1)
		return err_prefix(err, "--root");
	o->has_root = root;
	if (o->wish.kind == WISH_FILE || o->wish.kind == WISH_BUNDLE) {
		o->file = open(o->wish.path, O_RDONLY | O_CLOEXEC);
		if (o->file == -1 && errno == ENOENT)
			return err_set(err, ERR_INPUT,
			    "\"%.200s\" is no file, and neither a SHA-256, the "
			    "number of a build nor a page's URL",
			    o->wish.path);
		if (o->file == -1)
			return err_sys(err, "%s", o->wish.path);
	}
	return 0;
}

static int
prepare(struct order *o, const char *what, const char *from, const char *root,
    const char *jobs, struct err *err)
{
	int64_t n = 0;

	if (wish_parse(&o->wish, what, err) == -1 ||
	    (from && wish_from(from, &o->from, err) == -1) ||
	    (jobs && num_int(jobs, 1, 64, &n, err) == -1))
		return -1;
	o->at.jobs = (int)n;
	if (strcmp(o->lanes, "A") != 0 && strcmp(o->lanes, "B") != 0 &&
	    strcmp(o->lanes, "AB") != 0)
		return err_set(err, ERR_INPUT,
		    "--lanes: \"%.20s\" is not A, B or AB", o->lanes);
	return open_files(o, root, err);
}

/* 75: it could not be tried, whatever the reason; 2 and 4 are others. */
static int
failed(const struct err *err, bool json)
{
	int code = cli_fail(WHERE, err, json);

	return code == EXIT_USAGE || code == EXIT_TRUST ? code : EXIT_AGAIN;
}

int
cmd_reproduce(int argc, char **argv)
{
	struct order o = { .file = -1, .root = BUF_INIT, .lanes = "AB" };
	const char *from = NULL, *root = NULL, *jobs = NULL;
	struct sigaction sa = { .sa_handler = on_signal };
	struct err err = ERR_INIT;
	const struct cli_option options[] = {
		{ "state", .text = &o.at.state },
		{ "config", .text = &o.at.config },
		{ "from", .text = &from },
		{ "root", .text = &root },
		{ "tofu", .flag = &o.tofu },
		{ "unpublished", .flag = &o.unpublished },
		{ "lanes", .text = &o.lanes },
		{ "jobs", .text = &jobs },
		{ "keep", .flag = &o.keep },
		{ "diff", .flag = &o.diff },
		{ "deep", .flag = &o.deep },
		{ "json", .flag = &o.json },
		{ 0 },
	};
	int rc = cli_options(&kiln_program, argc, argv, options);

	if (rc != -1)
		return rc;
	if (optind + 1 != argc)
		return cli_usage(WHERE, "name one artifact, build or file");
	o.diff = o.diff || o.deep;
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	rc = prepare(&o, argv[optind], from, root, jobs, &err);
	if (rc == 0)
		rc = run(&o, &err);
	own_close(&o.file);
	wish_release(&o.wish);
	buf_release(&o.root);
	free(o.from);
	return rc == -1 ? failed(&err, o.json) : rc;
}
