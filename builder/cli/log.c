/*
 * kiln log verify: is the log of what was said of runs the one that we saw
 * before, and does it hold what it says?
 *
 * Works without a farm of one's own: keys come from the TUF metadata of the
 * server, which hang on a root that one has, and what was seen stays in a
 * folder of the caller's.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/cli/cmd.h"
#include "lib/drop.h"
#include "lib/farm.h"
#include "lib/fdio.h"
#include "lib/http.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tlog_follow.h"

#define WHERE "kiln log"
#define KEYS_MAX 256
#define INSTALLED_ROOT "/etc/kiln/root.json"

struct order {
	const char *state, *from, *root, *keep, *statement;
	bool tofu, quick, json;
};

/* Who is asked: a server, or the folder of a farm on this machine. */
struct asked {
	struct farm farm;
	struct http *http;
	int tuf;	/* the farm's folder; -1: a server */
	char *base;	/* behind which "tuf/…" stands */
	int keep;	/* what is trusted and was seen */
	bool first_use; /* the root came from the server itself */
	struct hash root;
};

struct told {
	struct checkpoint known, now;
	int64_t statements; /* entries in the form that we know */
	struct hash wanted;
	int64_t found; /* the index of --statement; -1 */
};

/* --- bytes -----------------------------------------------------------------
 */

static int
get(void *arg, const char *url, int64_t limit, struct buf *out, int *status,
    struct err *err)
{
	struct asked *a = arg;
	struct http_get g = { .url = url, .limit = limit, .body = out };
	struct http_answer answer;

	if (a->tuf != -1)
		return tlog_get_at(&a->tuf, url, limit, out, status, err);
	if (http_get(a->http, &g, &answer, err) == -1)
		return -1;
	*status = answer.status;
	return 0;
}

/* --- what is trusted --------------------------------------------------------
 */

static int
root_of_server(struct asked *a, struct buf *out, struct err *err)
{
	auto_free char *url = mem_printf("%stuf/metadata/1.root.json", a->base);
	int status;

	if (get(a, url, TUF_ROOT_MAX, out, &status, err) == -1)
		return -1;
	return status == 200 ? 0
			     : err_set(err, ERR_MISSING,
				   "%s: no first root is there", a->base);
}

/* A farm on this machine is the caller's own; a server's word for itself is
 * none. */
static int
find_root(
    struct asked *a, const struct order *o, struct buf *out, struct err *err)
{
	if (o->root)
		return file_read(o->root, TUF_ROOT_MAX, out, err);
	if (a->tuf == -1 && !o->tofu) {
		if (file_read(INSTALLED_ROOT, TUF_ROOT_MAX, out, err) == 0)
			return 0;
		return err_set(err, ERR_TRUST,
		    "no root to judge by: name one with --root, or take the"
		    " server's own with --tofu");
	}
	a->first_use = a->tuf == -1;
	return root_of_server(a, out, err);
}

static char *
keep_default(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (geteuid() == 0 || (!state && !home))
		return mem_str("/var/lib/kiln-log");
	return state && *state ? mem_printf("%s/kiln-log", state)
			       : mem_printf("%s/.local/state/kiln-log", home);
}

/* One folder for each root and place. */
static int
open_keep(struct asked *a, const struct order *o, const struct buf *root,
    struct err *err)
{
	auto_free char *path = o->keep ? mem_str(o->keep) : keep_default();
	auto_fd int top = dir_open("/", err), here = -1;
	struct hasher h;
	struct hash name;
	char hex[HASH_HEX];

	hash_bytes(&a->root, root->data, root->len);
	hasher_init(&h);
	hasher_field(&h, a->root.b, sizeof(a->root.b));
	hasher_field(&h, o->from ? o->from : a->farm.shown,
	    strlen(o->from ? o->from : a->farm.shown));
	hasher_end(&h, &name);
	hash_hex(&name, hex);
	if (mkdir(path, 0700) == -1 && path[0] == '/' && top != -1) {
		auto_fd int made = dir_make_at(top, path + 1, 0700, err);

		err_clear(err); /* opening it says why not */
	}
	here = dir_open(path, err);
	if (here == -1)
		return err_prefix(err, "--seen");
	a->keep = dir_make_at(here, hex, 0700, err);
	return a->keep == -1 ? -1 : 0;
}

static int
find_keys(struct asked *a, struct sig_public *keys, size_t *n, struct err *err)
{
	auto_free char *url = mem_printf("%stuf/metadata/", a->base);
	const struct tuf_refresh_opts opts = { .metadata_url = url,
		.dirfd = a->keep,
		.now = time_now(),
		.get = get,
		.arg = a };
	struct tuf_refresh *r = tuf_refresh_open(&opts, err);
	int rc = r ? tuf_refresh_run(r, err) : -1;

	if (rc == 0)
		*n = tlog_keys(
		    tuf_role(tuf_refresh_trust(r), "targets"), keys, KEYS_MAX);
	tuf_refresh_free(r);
	return rc;
}

static int
trust(struct asked *a, const struct order *o, struct sig_public *keys,
    size_t *n, struct err *err)
{
	auto_buf struct buf root = BUF_INIT;

	if (find_root(a, o, &root, err) == -1 ||
	    open_keep(a, o, &root, err) == -1 ||
	    (!file_exists_at(a->keep, "root.json") &&
		tuf_refresh_init(a->keep, root.data, root.len, err) == -1))
		return -1;
	return find_keys(a, keys, n, err);
}

/* --- the log ----------------------------------------------------------------
 */

static int
each(void *arg, int64_t index, const void *p, size_t n, struct err *err)
{
	struct told *t = arg;
	auto_json json_t *j = js_record("entry", "kiln/logged", 1, p, n, err);
	struct hash h;

	if (!j || js_hash("entry", j, "statement", &h, err) == -1) {
		err->cls = ERR_TRUST;
		return -1;
	}
	t->statements++;
	if (t->found == -1 && hash_equal(&h, &t->wanted))
		t->found = index;
	return 0;
}

static int
look(struct asked *a, const struct order *o, struct told *t, struct err *err)
{
	auto_free char *url = mem_printf("%stuf/log/", a->base);
	const struct tlog_source source = { url, get, a };
	auto_free struct sig_public *keys = mem_zero(KEYS_MAX, sizeof(*keys));
	size_t n = 0;

	if (trust(a, o, keys, &n, err) == -1 ||
	    tlog_seen_load(a->keep, &t->known, err) == -1 ||
	    tlog_follow(&source, keys, n, &t->known, &t->now, err) == -1)
		return -1;
	if (!o->quick &&
	    tlog_read_all(&source, &t->known, &t->now, each, t, err) == -1)
		return -1;
	return tlog_seen_save(a->keep, &t->now, err);
}

static int
open_asked(struct asked *a, const struct order *o, struct err *err)
{
	if (o->from) {
		size_t n = strlen(o->from);

		a->base = mem_printf(
		    "%s%s", o->from, n && o->from[n - 1] == '/' ? "" : "/");
		a->http = http_open("kiln/" KILN_VERSION, NULL, err);
		return a->http ? 0 : -1;
	}
	/* Its published files are for everybody, so no right is needed. */
	a->base = mem_str("");
	if (farm_enter(&a->farm, o->state, NULL, false, err) == -1)
		return -1;
	a->tuf = dup(a->farm.dirfd);
	return a->tuf == -1 ? err_sys(err, "open the farm") : 0;
}

static void
close_asked(struct asked *a)
{
	http_close(a->http);
	farm_release(&a->farm);
	own_close(&a->tuf);
	own_close(&a->keep);
	free(a->base);
}

/* --- what is said -----------------------------------------------------------
 */

static void
show_json(const struct asked *a, const struct order *o, const struct told *t)
{
	auto_json json_t *j = json_object();
	auto_buf struct buf text = BUF_INIT;

	js_set_str(j, "log", t->now.origin);
	js_set_int(j, "entries", t->now.size);
	js_set_hash(j, "root", &t->now.root);
	js_set_int(j, "seen_before", t->known.size);
	js_set_bool(j, "all_read", !o->quick);
	js_set_bool(j, "first_use", a->first_use);
	if (o->statement && t->found >= 0)
		js_set_int(j, "statement", t->found);
	else if (o->statement)
		json_object_set_new(j, "statement", json_null());
	js_text(j, true, &text);
	printf("%s\n", text.data);
}

static void
show(const struct asked *a, const struct order *o, const struct told *t)
{
	char hex[HASH_HEX];

	hash_hex(&a->root, hex);
	if (a->first_use)
		fprintf(stderr,
		    WHERE ": judged by the server's own first root, SHA-256"
			  " %s\n",
		    hex);
	printf("%s: %" PRId64 " entries%s", t->now.origin, t->now.size,
	    o->quick ? "" : ", all read and hashed again");
	if (t->known.size == 0)
		printf("; nothing was seen of it before\n");
	else if (t->known.size == t->now.size)
		printf("; the same as before\n");
	else
		printf("; they begin with the %" PRId64 " seen before\n",
		    t->known.size);
	if (o->statement && t->found >= 0)
		printf("%s: entry %" PRId64 "\n", o->statement, t->found);
	else if (o->statement)
		printf("%s: not in the log\n", o->statement);
}

static int
verify(const struct order *o)
{
	struct asked a = { .farm = FARM_INIT, .tuf = -1, .keep = -1 };
	struct told t = { .found = -1 };
	struct err err = ERR_INIT;
	int rc;

	if (o->statement && !hash_parse(&t.wanted, o->statement))
		return cli_usage(
		    WHERE, "--statement: 64 lower-case hex digits");
	rc = open_asked(&a, o, &err);
	if (rc == 0)
		rc = look(&a, o, &t, &err);
	if (rc == 0 && o->json)
		show_json(&a, o, &t);
	else if (rc == 0)
		show(&a, o, &t);
	close_asked(&a);
	if (rc == -1)
		return cli_fail(WHERE, &err, o->json);
	return o->statement && t.found == -1 ? EXIT_DIFFERS : EXIT_DONE;
}

int
cmd_log(int argc, char **argv)
{
	struct order o = { 0 };
	const struct cli_option options[] = {
		{ "state", .text = &o.state },
		{ "from", .text = &o.from },
		{ "root", .text = &o.root },
		{ "seen", .text = &o.keep },
		{ "statement", .text = &o.statement },
		{ "tofu", .flag = &o.tofu },
		{ "quick", .flag = &o.quick },
		{ "json", .flag = &o.json },
		{ 0 },
	};
	int c = cli_options(&kiln_program, argc, argv, options);

	if (c != -1)
		return c;
	if (argc - optind != 1 || strcmp(argv[optind], "verify") != 0)
		return cli_usage(WHERE, "it is `log verify`");
	if (o.quick && o.statement)
		return cli_usage(
		    WHERE, "--statement reads all of it: not with --quick");
	return verify(&o);
}
