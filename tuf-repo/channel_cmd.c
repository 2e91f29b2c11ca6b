/* The commands that start and stop what a channel offers: promote, halt,
 * resume. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tuf_read.h"
#include "tuf-repo/brake.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/promote.h"
#include "tuf-repo/release_key.h"
#include "tuf-repo/roles.h"
#include "tuf-repo/secret.h"
#include "tuf-repo/waves.h"
#include "tuf-repo/work.h"

static int
published(bool handed_over, const char *what)
{
	printf("%s%s\n", what,
	    handed_over ? "; the running kiln-tuf publishes it"
			: " and published");
	return 0;
}

static const char *
operator_name(void)
{
	const char *s = getenv("SUDO_USER");

	if (!s || !name_ok(s))
		s = getenv("USER");
	return s && name_ok(s) ? s : "operator";
}

/* --- halt -------------------------------------------------------------- */

static int
halt(struct work *w, const struct brake_order *o, bool *handed_over,
    struct err *err)
{
	size_t n;

	if (work_join(w, err) == -1 || repo_is_made(w->repo.db, err) == -1 ||
	    brake_order(&w->repo, o, &n, err) == -1)
		return -1;
	return work_publish(w, handed_over, err);
}

int
cmd_halt(int argc, char **argv)
{
	static const struct option options[] = {
		WORK_OPTIONS,
		{ "counter", required_argument, NULL, 'c' },
		{ "arch", required_argument, NULL, 'a' },
		{ "for", required_argument, NULL, 'f' },
		{ "reason", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	static const char where[] = "kiln-tuf halt";
	struct brake_order o = { .by = operator_name() };
	struct work w = WORK_INIT;
	struct err err = ERR_INIT;
	bool handed_over;
	int c, code, rc = 0;

	while (
	    (c = getopt_long(argc, argv, "s:c:a:f:r:", options, NULL)) != -1) {
		if (c == 'c')
			rc |= num_int(optarg, 1, JS_INT_MAX, &o.counter, &err);
		else if (c == 'a')
			o.arch = optarg;
		else if (c == 'f')
			rc |= num_duration(optarg, &o.seconds, &err);
		else if (c == 'r')
			o.reason = optarg;
		else if (!work_option(&w, where, c, &code))
			return cli_usage(where, "see --help");
		else if (code)
			return code;
	}
	if (rc == -1)
		return cli_fail(where, &err, false);
	if (argc - optind != 1 || !o.reason)
		return cli_usage(where, "say CHANNEL and --reason TEXT");
	o.channel = argv[optind];
	rc = -1;
	if (work_enter(&w, false, &err) == 0 &&
	    halt(&w, &o, &handed_over, &err) == 0)
		rc = published(handed_over, "stopped");
	work_release(&w);
	return rc == 0 ? EXIT_DONE : cli_fail(where, &err, false);
}

/* --- resume ------------------------------------------------------------ */

struct resumption {
	const char *channel, *arch;
	struct key_access access; /* to the release key */
};

static int
draft_resume(struct repo *r, void *arg, struct buf *out, struct buf *shown,
    struct err *err)
{
	const struct resumption *o = arg;

	if (resume_draft(r, o->channel, o->arch, out, err) == -1)
		return -1;
	buf_printf(shown, "to be signed: %s\n", out->data);
	return 0;
}

static int
resume(struct work *w, struct resumption *o, bool *handed_over, struct err *err)
{
	/* Canonical JSON: these keys sort first, so nothing else begins so. */
	static const char head[] = "{\"at\":\"";
	auto_buf struct buf part = BUF_INIT, shown = BUF_INIT, file = BUF_INIT;
	auto_fd int offline = farm_dir(&w->farm, "keys/offline", err);

	if (offline == -1 ||
	    release_draft_apart(w, draft_resume, o, &part, &shown, err) == -1)
		return -1;
	if (part.len < sizeof(head) ||
	    memcmp(part.data, head, sizeof(head) - 1) != 0 ||
	    !strstr(part.data, "\"kind\":\"kiln/resume\""))
		return err_set(err, ERR_TRUST, "the draft is none");
	fputs(shown.data, stderr);
	if (release_sign(offline, &o->access, &part, &file, err) == -1 ||
	    work_join(w, err) == -1 ||
	    resume_accept(&w->repo, file.data, file.len, err) == -1)
		return -1;
	return work_publish(w, handed_over, err);
}

int
cmd_resume(int argc, char **argv)
{
	static const struct option options[] = {
		WORK_OPTIONS,
		{ "arch", required_argument, NULL, 'a' },
		KEY_OPTIONS,
		{ NULL, 0, NULL, 0 },
	};
	static const char where[] = "kiln-tuf resume";
	struct resumption o = { NULL, NULL, KEY_ACCESS_INIT };
	struct work w = WORK_INIT;
	struct err err = ERR_INIT;
	bool handed_over;
	int c, rc = -1;

	while ((c = getopt_long(argc, argv, "s:a:", options, NULL)) != -1) {
		if (c == 'a')
			o.arch = optarg;
		else if (!work_option(&w, where, c, &rc) &&
			 !key_access_option(&o.access, where, c, &rc))
			return cli_usage(where, "see --help");
		else if (rc)
			return rc;
	}
	rc = -1;
	if (argc - optind != 1)
		return cli_usage(where, "name one channel");
	o.channel = argv[optind];
	if (work_enter(&w, false, &err) == 0 &&
	    resume(&w, &o, &handed_over, &err) == 0)
		rc = published(handed_over, "the brake is off");
	work_release(&w);
	key_access_release(&o.access);
	return rc == 0 ? EXIT_DONE : cli_fail(where, &err, false);
}

/* --- promote ----------------------------------------------------------- */

#define WHERE "kiln-tuf promote"

struct ordered {
	struct promotion p;
	struct buf root; /* trusted, from keys/offline */
	int64_t after;	 /* version that ceremonies have signed */
	struct key_access access;
};

static int
draft_promote(struct repo *r, void *arg, struct buf *out, struct buf *shown,
    struct err *err)
{
	const struct ordered *o = arg;

	return promote_draft(r, &o->p, &o->root, o->after, out, shown, err);
}

/* What ceremonies have kept is root's own: it is read before anything that
 * others could have written. */
static int
read_kept(int offline, struct ordered *o, struct buf *stable, struct err *err)
{
	auto_tuf struct tuf_file *f = NULL;

	if (file_read_at(offline, "root.json", TUF_ROOT_MAX, &o->root, err) ==
		-1 ||
	    file_read_at(offline, STABLE_ROLE ".json", TUF_TARGETS_MAX, stable,
		err) == -1)
		return err_prefix(err, "keys/offline");
	f = tuf_read(TUF_TARGETS, STABLE_ROLE, stable->data, stable->len, err);
	if (!f)
		return err_prefix(err, "keys/offline");
	o->after = f->version;
	return 0;
}

/* The bytes come from a process that reads what others wrote.  They must be
 * a targets file, which the release key signs anyway, and a later version
 * than any before: what its sets name, routers judge. */
static int
check_part(const struct buf *part, const struct ordered *o, struct err *err)
{
	static const char head[] = "{\"_type\":\"targets\",\"expires\":\"";
	const char *mark = ",\"version\":", *at = NULL, *s;
	auto_free char *number = NULL;
	int64_t version;

	if (part->len < sizeof(head) || strlen(part->data) != part->len ||
	    memcmp(part->data, head, sizeof(head) - 1) != 0)
		return err_set(err, ERR_TRUST, "the draft is no targets file");
	for (s = part->data; (s = strstr(s, mark)); s++)
		at = s;
	if (!at || part->data[part->len - 1] != '}')
		return err_set(err, ERR_TRUST, "the draft has no version");
	number = mem_strn(at + strlen(mark),
	    (size_t)(part->data + part->len - 1 - at) - strlen(mark));
	if (!number ||
	    num_int(number, o->after + 1, JS_INT_MAX, &version, err) == -1)
		return err_set(err, ERR_TRUST,
		    "the draft is not a version after %lld",
		    (long long)o->after);
	return 0;
}

static int
promote(struct work *w, struct ordered *o, bool *handed_over, struct err *err)
{
	auto_buf struct buf part = BUF_INIT, shown = BUF_INIT, file = BUF_INIT;
	auto_buf struct buf stable = BUF_INIT;
	auto_fd int offline = farm_dir(&w->farm, "keys/offline", err);

	if (offline == -1 || read_kept(offline, o, &stable, err) == -1 ||
	    release_draft_apart(w, draft_promote, o, &part, &shown, err) ==
		-1 ||
	    check_part(&part, o, err) == -1)
		return -1;
	fputs(shown.data, stderr);
	if (release_sign(offline, &o->access, &part, &file, err) == -1 ||
	    file_write_at(offline, STABLE_ROLE ".json", file.data, file.len,
		0444, err) == -1)
		return -1;
	own_close(&offline);
	offline = -1;
	if (work_join(w, err) == -1 ||
	    promote_accept(&w->repo, &file, err) == -1)
		return -1;
	return work_publish(w, handed_over, err);
}

static int
read_options(struct ordered *o, struct work *w, const char **channel, int argc,
    char **argv, struct err *err)
{
	static const struct option options[] = {
		WORK_OPTIONS,
		{ "channel", required_argument, NULL, 'C' },
		{ "from", required_argument, NULL, 'f' },
		{ "arch", required_argument, NULL, 'a' },
		{ "counter", required_argument, NULL, 'c' },
		{ "notes", required_argument, NULL, 'n' },
		{ "waves", required_argument, NULL, 'w' },
		{ "window", required_argument, NULL, 'W' },
		KEY_OPTIONS,
		{ NULL, 0, NULL, 0 },
	};
	struct promotion *p = &o->p;
	int c, rc;

	while ((c = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
		if (c == 'C')
			*channel = optarg;
		else if (c == 'f')
			p->from = optarg;
		else if (c == 'a')
			p->arch = optarg;
		else if (c == 'n')
			p->notes = optarg;
		else if (c == 'c') {
			if (num_int(optarg, 1, JS_INT_MAX, &p->counter, err) ==
			    -1)
				return -1;
		} else if (c == 'w') {
			json_decref(p->waves);
			if (!(p->waves = waves_parse(optarg, err)))
				return -1;
		} else if (c == 'W') {
			json_decref(p->window);
			if (!(p->window = window_parse(optarg, err)))
				return -1;
		} else if ((!work_option(w, WHERE, c, &rc) &&
			       !key_access_option(&o->access, WHERE, c, &rc)) ||
			   rc) {
			return err_set(err, ERR_INPUT, "see --help");
		}
	}
	if (optind != argc)
		return err_set(err, ERR_INPUT, "it takes no argument");
	return 0;
}

static int
check_order(const struct ordered *o, const char *channel, struct err *err)
{
	const char *notes = o->p.notes ? o->p.notes : "";

	if (strcmp(channel, STABLE) != 0)
		return err_set(err, ERR_INPUT,
		    "%s: only %s waits for a promotion; edge follows by itself",
		    channel, STABLE);
	if (strcmp(o->p.from, STABLE) != 0 && strcmp(o->p.from, "edge") != 0)
		return err_set(err, ERR_INPUT, "--from: edge or %s", STABLE);
	if (strlen(notes) > NOTES_MAX)
		return err_set(
		    err, ERR_INPUT, "--notes: more than %d bytes", NOTES_MAX);
	for (; *notes; notes++)
		if ((unsigned char)*notes < ' ' || *notes == 0x7f)
			return err_set(
			    err, ERR_INPUT, "--notes: a control character");
	return 0;
}

int
cmd_promote(int argc, char **argv)
{
	struct ordered o = { .p = { .from = "edge" },
		.root = BUF_INIT,
		.access = KEY_ACCESS_INIT };
	const char *channel = STABLE;
	struct work w = WORK_INIT;
	struct err err = ERR_INIT;
	bool handed_over;
	int rc = -1;

	if (read_options(&o, &w, &channel, argc, argv, &err) == 0 &&
	    check_order(&o, channel, &err) == 0 &&
	    work_enter(&w, false, &err) == 0 &&
	    promote(&w, &o, &handed_over, &err) == 0)
		rc = published(handed_over, "promoted");
	work_release(&w);
	buf_release(&o.root);
	json_decref(o.p.waves);
	json_decref(o.p.window);
	key_access_release(&o.access);
	return rc == 0 ? EXIT_DONE : cli_fail(WHERE, &err, false);
}
