/* kiln doctor: the usual troubles of a farm, each with its remedy.  It changes
 * nothing and asks no network: what the last look at each archive said stands
 * in farm.db. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "builder/cli/ask.h"
#include "builder/cli/cmd.h"
#include "builder/exec/slurm.h"
#include "builder/settings.h"
#include "lib/db.h"
#include "lib/drop.h"
#include "lib/farm.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/sandbox.h"
#include "lib/schema.h"

#define WHERE "kiln doctor"
#define MIB (1 << 20)
#define DISK_BAD (1024LL * MIB) /* an environment and two builds of it */
#define DISK_WARN (5 * DISK_BAD)
#define DAY (24 * 3600)

struct doctor {
	struct farm farm;
	struct settings settings;
	struct db *db, *tuf; /* NULL: not there yet */
	json_t *findings;
	int bad;
};

enum state { GOOD, WARN, BAD };

static void KILN_PRINTF(5, 6) finding(struct doctor *d, enum state state,
    const char *what, const char *remedy, const char *fmt, ...)
{
	static const char *const words[] = { "ok", "warn", "bad" };
	json_t *one = json_object();
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	js_set_str(one, "what", what);
	js_set_str(one, "state", words[state]);
	js_set_str(one, "text", text);
	if (state != GOOD)
		js_set_str(one, "remedy", remedy);
	json_array_append_new(d->findings, one);
	d->bad += state == BAD;
}

/* --- the machine --------------------------------------------------------- */

static void
look_at_disk(struct doctor *d)
{
	static const char remedy[] = "kiln gc --dry-run shows what could go; "
				     "else give the farm's folder more room";
	struct statvfs vfs;
	int64_t left;
	char how[64];

	if (fstatvfs(d->farm.dirfd, &vfs) == -1)
		return;
	left = (int64_t)vfs.f_bavail * (int64_t)vfs.f_frsize;
	snprintf(how, sizeof(how), "%.1f GiB free", (double)left / (1 << 30));
	if (vfs.f_flag & ST_RDONLY)
		finding(d, BAD, "disk", "mount it for writing",
		    "%s is mounted read-only", d->farm.shown);
	else if (vfs.f_files > 0 && vfs.f_favail < 10000)
		finding(d, BAD, "disk", remedy, "%" PRIu64 " inodes free",
		    (uint64_t)vfs.f_favail);
	else
		finding(d,
		    left < DISK_BAD    ? BAD
		    : left < DISK_WARN ? WARN
				       : GOOD,
		    "disk", remedy, "%s", how);
}

static void
look_at_clock(struct doctor *d)
{
	struct timex t = { 0 };
	char now[TIME_TEXT];
	int r = adjtimex(&t);

	time_text(time_now(), now);
	if (r == TIME_ERROR || t.status & STA_UNSYNC)
		finding(d, WARN, "clock",
		    "run systemd-timesyncd, chrony or ntpd: expiry dates of "
		    "what is published are taken from this clock",
		    "%s; nobody sets it", now);
	else
		finding(d, GOOD, "clock", NULL, "%s, kept by somebody", now);
}

static void
look_at_sandbox(struct doctor *d)
{
	struct err err = ERR_INIT;

	if (sandbox_check(&err) == 0)
		finding(d, GOOD, "sandbox", NULL,
		    "bubblewrap makes a user namespace");
	else
		finding(d, BAD, "sandbox",
		    "install bubblewrap; sysctl user.max_user_namespaces and "
		    "kernel.unprivileged_userns_clone must not be 0; in a "
		    "container allow user namespaces",
		    "%s", err.msg);
}

/* --- the farm ------------------------------------------------------------- */

static void
look_at_programs(struct doctor *d)
{
	static const struct {
		const char *name, *lock;
	} programs[] = { { "kiln-builder", "work/lock" },
		{ "kiln-tuf", "run/tuf/lock" },
		{ "kiln-web", "run/web/lock" } };

	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		struct err err = ERR_INIT;
		auto_fd int fd = file_open_at(
		    d->farm.dirfd, programs[i].lock, O_RDONLY, 0, &err);

		/* Who runs holds its lock. */
		if (fd != -1 && flock(fd, LOCK_SH | LOCK_NB) == -1)
			finding(d, GOOD, programs[i].name, NULL, "runs");
		else
			finding(d, WARN, programs[i].name,
			    "kiln up, or systemctl start kiln.target",
			    "does not run");
	}
}

/* Where builds run, if that is elsewhere: can it be asked, has it nodes? */
static void
look_at_engine(struct doctor *d)
{
	const struct exec_conf *c = &d->settings.exec;
	struct err err = ERR_INIT;
	struct slurm_conf conf = { .partition = c->partition,
		.config = c->config,
		.features = c->features ? c->features : "" };
	struct exec *e;

	if (!c->slurm)
		return;
	e = exec_slurm_open(&conf);
	if (e->ops->health(e, &err) == -1)
		finding(d, BAD, "engine",
		    "is slurmctld up, and munge here?  Builds wait for it",
		    "%s", err.msg);
	else
		finding(d, GOOD, "engine", NULL, "%s answers and has nodes",
		    e->ops->name);
	e->ops->close(e);
}

static void
look_at_suites(struct doctor *d)
{
	struct err err = ERR_INIT;
	auto_json json_t *rows = NULL, *last = NULL;
	int64_t now = time_now(), late = d->settings.poll * 3 + DAY;
	const json_t *one;
	size_t i;

	if (!d->db) {
		finding(d, WARN, "archive", "start kiln-builder",
		    "no archive has been read yet");
		return;
	}
	rows = ask_rows(d->db,
	    "SELECT name, checked_at, valid_until, checked_at, valid_until"
	    " FROM suite ORDER BY name",
	    "name checked# until# checked_at@ valid_until@", NULL, &err);
	last = ask_row(d->db,
	    "SELECT error FROM cycle WHERE finished_at IS NOT NULL"
	    " ORDER BY id DESC LIMIT 1",
	    "error", NULL, &err);
	if (!rows || !last)
		goto bad;
	if (json_array_size(rows) == 0)
		finding(d, WARN, "archive", "see kiln builds and log/",
		    "no archive has been read yet");
	json_array_foreach(rows, i, one)
	{
		auto_free char *what =
		    mem_printf("archive %s", ask_str(one, "name"));
		int64_t until = ask_int(one, "until");

		if (now - ask_int(one, "checked") > late)
			finding(d, BAD, what,
			    "can this machine reach the mirrors of its apt "
			    "configuration, or those in kiln.yaml?",
			    "last read %s", ask_str(one, "checked_at"));
		else if (until && until < now)
			finding(d, BAD, what,
			    "is the clock right?  Else the mirror is behind: "
			    "name another one in kiln.yaml",
			    "what it says was valid until %s",
			    ask_str(one, "valid_until"));
		else
			finding(d, GOOD, what, NULL, "last read %s",
			    ask_str(one, "checked_at"));
	}
	if (*ask_str(last, "error"))
		finding(d, BAD, "cycle", "kiln builds and kiln why say more",
		    "the last one ended with: %s", ask_str(last, "error"));
	return;
bad:
	finding(
	    d, BAD, "farm.db", "kiln verify; else kiln restore", "%s", err.msg);
}

/* What the last look at an archive met, if none has succeeded since. */
static void
look_at_failures(struct doctor *d)
{
	struct err err = ERR_INIT;
	auto_json json_t *rows = NULL;
	const json_t *one;
	size_t i;

	if (!d->db)
		return;
	rows = ask_rows(d->db,
	    "SELECT e.subject, e.kind, e.text, e.at FROM event e"
	    " LEFT JOIN suite s ON s.name = e.subject WHERE e.id IN"
	    " (SELECT max(id) FROM event WHERE kind IN"
	    "  ('archive-unreachable', 'archive-refused') GROUP BY subject)"
	    " AND e.at > coalesce(s.checked_at, 0) ORDER BY e.id",
	    "name kind text at@", NULL, &err);
	json_array_foreach(rows, i, one)
	{
		auto_free char *what =
		    mem_printf("archive %s", ask_str(one, "name"));

		finding(d, BAD, what,
		    strcmp(ask_str(one, "kind"), "archive-refused") == 0
			? "is the clock right?  Else the mirror is wrong: name "
			  "another one in kiln.yaml"
			: "is there a network, a resolver, a proxy it should "
			  "take?  Another mirror can be named in kiln.yaml",
		    "since %s: %s", ask_str(one, "at"), ask_str(one, "text"));
	}
}

static void
look_at_recipes(struct doctor *d)
{
	struct err err = ERR_INIT;
	auto_json json_t *rows = NULL;
	const json_t *one;
	size_t i;

	if (!d->db)
		return;
	rows = ask_rows(d->db,
	    "SELECT name, error FROM recipe WHERE error IS NOT NULL"
	    " UNION ALL SELECT recipe || '/' || stage, why FROM task"
	    " WHERE state = 'held' ORDER BY 1",
	    "name why", NULL, &err);
	json_array_foreach(rows, i, one)
	{
		auto_free char *what =
		    mem_printf("recipe %s", ask_str(one, "name"));

		finding(d, WARN, what, "kiln why says more", "%s",
		    ask_str(one, "why"));
	}
}

/* Of recipes that are there, each may be right: which one is it to be? */
static void
look_at_services(struct doctor *d)
{
	struct err err = ERR_INIT;
	auto_json json_t *rows = NULL;
	const json_t *one;
	size_t i;

	if (!d->db)
		return;
	rows = ask_rows(d->db,
	    "SELECT service, arch, group_concat(recipe, ' and ') FROM"
	    " (SELECT DISTINCT l.service, l.arch, p.recipe FROM release l"
	    " JOIN plan p ON p.digest = l.plan JOIN recipe r ON"
	    " r.name = p.recipe WHERE l.withheld IS NULL ORDER BY 1, 2, 3)"
	    " GROUP BY service, arch HAVING count(*) > 1",
	    "service arch recipes", NULL, &err);
	json_array_foreach(rows, i, one)
	{
		auto_free char *what =
		    mem_printf("service %s", ask_str(one, "service"));

		finding(d, WARN, what,
		    "take all but one from the recipes, or name those to "
		    "build with --only",
		    "%s are released as it for %s: routers get only one of "
		    "them",
		    ask_str(one, "recipes"), ask_str(one, "arch"));
	}
}

/* Online roles are signed anew by themselves, if kiln-tuf runs. */
static void
look_at_roles(struct doctor *d)
{
	struct err err = ERR_INIT;
	auto_json json_t *rows = NULL;
	int64_t now = time_now();
	const json_t *one;
	size_t i;

	if (!d->tuf) {
		finding(d, WARN, "roles", "kiln-tuf init",
		    "this farm has no keys yet");
		return;
	}
	rows = ask_rows(d->tuf,
	    "SELECT name, max(version), expires, expires, expires - made_at"
	    " FROM role WHERE published_at IS NOT NULL GROUP BY name"
	    " ORDER BY name",
	    "name version# ends# expires@ term#", NULL, &err);
	if (!rows) {
		finding(d, BAD, "tuf.db", "kiln-tuf recover", "%s", err.msg);
		return;
	}
	json_array_foreach(rows, i, one)
	{
		auto_free char *what =
		    mem_printf("role %s", ask_str(one, "name"));
		int64_t left = ask_int(one, "ends") - now;
		bool offline = strcmp(ask_str(one, "name"), "root") == 0 ||
			       strcmp(ask_str(one, "name"), "targets") == 0 ||
			       strcmp(ask_str(one, "name"), "sets-stable") == 0;
		const char *remedy = offline ? "kiln-tuf request, sign, accept"
					     : "is kiln-tuf serve running?";

		if (left <= 0)
			finding(d, BAD, what, remedy, "expired %s",
			    ask_str(one, "expires"));
		else if (left < ask_int(one, "term") / 8)
			finding(d, WARN, what, remedy, "expires %s",
			    ask_str(one, "expires"));
		else
			finding(d, GOOD, what, NULL, "until %s",
			    ask_str(one, "expires"));
	}
}

static int
open_databases(struct doctor *d, struct err *err)
{
	auto_free char *farm = farm_file(&d->farm, "farm.db");
	auto_free char *tuf = farm_file(&d->farm, "tuf.db");

	d->db = db_open_reader_of(farm, FARM_SCHEMA, err);
	if (!d->db && err->cls != ERR_MISSING)
		return -1;
	d->tuf = db_open_reader_of(tuf, TUF_SCHEMA, err);
	if (!d->tuf && err->cls != ERR_MISSING)
		return -1;
	err_clear(err);
	return 0;
}

static int
look(struct doctor *d, const char *state, const char *config, struct err *err)
{
	if (farm_enter(&d->farm, state, NULL, false, err) == -1 ||
	    drop_to(ROLE_BUILDER, err) == -1 ||
	    settings_read(&d->settings, d->farm.dirfd, config, err) == -1)
		return -1;
	look_at_disk(d);
	look_at_clock(d);
	look_at_sandbox(d);
	look_at_programs(d);
	look_at_engine(d);
	if (open_databases(d, err) == -1) {
		finding(d, BAD, "databases",
		    "start the programs once after an upgrade; kiln verify "
		    "names what is damaged",
		    "%s", err->msg);
		err_clear(err);
		return 0;
	}
	look_at_suites(d);
	look_at_failures(d);
	look_at_recipes(d);
	look_at_services(d);
	look_at_roles(d);
	return 0;
}

static void
print(const json_t *findings)
{
	const json_t *one;
	size_t i;

	json_array_foreach(findings, i, one)
	{
		const char *remedy = ask_str(one, "remedy");

		printf("%-5s %-24s %s\n", ask_str(one, "state"),
		    ask_str(one, "what"), ask_str(one, "text"));
		if (*remedy)
			printf("%31s-> %s\n", "", remedy);
	}
}

int
cmd_doctor(int argc, char **argv)
{
	struct doctor d = { .farm = FARM_INIT, .findings = json_array() };
	const char *state = NULL, *config = NULL;
	struct err err = ERR_INIT;
	bool json = false;
	const struct cli_option options[] = {
		{ "state", .text = &state },
		{ "config", .text = &config },
		{ "json", .flag = &json },
		{ 0 },
	};
	int r = cli_options(&kiln_program, argc, argv, options);

	if (r != -1)
		return r;
	if (optind != argc)
		return cli_usage(WHERE, "unknown word \"%s\"", argv[optind]);
	r = look(&d, state, config, &err);
	if (r == 0 && json) {
		auto_buf struct buf text = BUF_INIT;

		js_text(d.findings, true, &text);
		printf("%s\n", text.data);
	} else if (r == 0) {
		print(d.findings);
	}
	json_decref(d.findings);
	db_close(d.db);
	db_close(d.tuf);
	settings_release(&d.settings);
	farm_release(&d.farm);
	if (r == -1)
		return cli_fail(WHERE, &err, json);
	return d.bad ? EXIT_FAILED : EXIT_DONE;
}
