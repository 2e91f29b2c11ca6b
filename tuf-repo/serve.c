/* The daemon: passes when farm.db changed, when woken, and when a signature
 * falls due. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/cli.h"
#include "lib/ipc.h"
#include "lib/kiln_yaml.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tuf-repo/asked.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/pass.h"
#include "tuf-repo/prune.h"
#include "tuf-repo/roles.h"
#include "tuf-repo/work.h"

#define WHERE "kiln-tuf serve"
#define POLL_MS 2000
#define IDLE_S 300 /* look at what falls due at least so often */
#define RETRY_S 30 /* after a pass that failed */

struct daemon {
	struct work *w;
	int wake, signals;
	bool unpublished; /* a compressed form */
	int64_t farm_version, web_version,
	    next;   /* next: when to pass in any case */
	bool quiet; /* the last failure was told already */
	char told[sizeof(((struct err *)0)->msg)];
};

static int
watch_signals(struct err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1 ||
	    (fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) == -1)
		return err_sys(err, "wait for signals");
	return fd;
}

/* Telling the same failure every half minute would hide all others. */
static void
tell_failure(struct daemon *d, const char *what, const struct err *err)
{
	if (strcmp(d->told, err->msg) == 0)
		return;
	memcpy(d->told, err->msg, sizeof(d->told));
	log_err(what, err);
	repo_event(&d->w->repo, what, "", "%s", err->msg);
}

/* Compressed forms come after what they carry; nothing waits for them. */
static void
squeeze(struct daemon *d)
{
	struct err err = ERR_INIT;

	if (transport_next(&d->w->transport, &d->w->repo, &err) == -1)
		log_err("transport", &err);
}

/* True: a new form is to be published. */
static bool
squeezed(struct daemon *d)
{
	struct err err = ERR_INIT;
	bool made = false;

	d->w->repo.now = time_now();
	if (transport_take(&d->w->transport, &d->w->repo, &made, &err) == -1) {
		log_err("transport", &err);
		transport_stop(&d->w->transport);
	}
	d->unpublished |= made;
	squeeze(d);
	/* Publish once for all that wait, not once for each. */
	return d->unpublished && !d->w->transport.busy;
}

/* Opens what was not there before; *old: a database that its owner has not
 * migrated yet.  Signatures fall due all the same, so that is no failure. */
static int
open_others(struct daemon *d, bool *old, struct err *err)
{
	struct repo *r = &d->w->repo;

	*old = false;
	if (repo_farm(r, &d->w->farm, err) == -1) {
		if (err->cls != ERR_BUSY)
			return -1;
		*old = true;
	}
	if (asked_open(r, &d->w->farm, err) == -1) {
		if (err->cls != ERR_BUSY)
			return -1;
		*old = true;
	}
	if (*old)
		tell_failure(d, "waiting", err);
	err_clear(err);
	return 0;
}

static void
pass_once(struct daemon *d)
{
	struct repo *r = &d->w->repo;
	struct pass p = { .refresh = false };
	struct err err = ERR_INIT;
	bool old;

	r->now = time_now();
	if (open_others(d, &old, &err) == -1 || pass_run(r, &p, &err) == -1) {
		tell_failure(d, "pass-failed", &err);
		d->next = r->now + RETRY_S;
		return;
	}
	/* Who does not see what routers run must not take it from them. */
	if (!old && prune_if_asked(r, &err) == -1)
		log_err("prune", &err);
	squeeze(d);
	d->unpublished = false;
	if (!old)
		d->told[0] = '\0';
	d->next = r->now + IDLE_S;
	if (p.switched)
		log_info("published", "cycle=%lld", (long long)p.cycle);
}

static bool
farm_changed(struct daemon *d)
{
	struct repo *r = &d->w->repo;
	struct err ignore = ERR_INIT;
	int64_t v;

	if (!r->farm && repo_farm(r, &d->w->farm, &ignore) == -1)
		return ignore.cls != ERR_BUSY; /* the pass tells why */
	if (!r->farm)
		return false;
	v = db_data_version(r->farm);
	if (v == d->farm_version)
		return false;
	d->farm_version = v;
	return true;
}

/* Somebody may have asked for a stop. */
static bool
web_changed(struct daemon *d)
{
	struct repo *r = &d->w->repo;
	struct err ignore = ERR_INIT;
	int64_t v;

	if (!r->web && asked_open(r, &d->w->farm, &ignore) == -1)
		return false; /* the next pass tells why */
	if (!r->web)
		return false;
	v = db_data_version(r->web);
	if (v == d->web_version)
		return false;
	d->web_version = v;
	return true;
}

static int
loop(struct daemon *d, struct err *err)
{
	struct pollfd fds[4] = { { .fd = d->wake, .events = POLLIN },
		{ .fd = d->signals, .events = POLLIN },
		{ .fd = d->w->signer.pidfd, .events = POLLIN },
		{ .events = POLLIN } };

	for (;;) {
		bool woken = false;

		fds[3].fd = d->w->transport.busy ? d->w->transport.sock : -1;
		fds[3].revents = 0;
		if (poll(fds, 4, POLL_MS) == -1 && errno != EINTR)
			return err_sys(err, "wait");
		if (fds[1].revents)
			return 0;
		if (fds[2].revents)
			return err_set(err, ERR_SYSTEM, "the signer has ended");
		if (fds[0].revents) {
			wake_drain(d->wake);
			woken = true;
		}
		if (fds[3].revents)
			woken |= squeezed(d);
		if (farm_changed(d) || web_changed(d) || woken ||
		    time_now() >= d->next)
			pass_once(d);
	}
}

static int
serve(struct work *w, struct err *err)
{
	struct daemon d = { .w = w, .wake = -1, .signals = -1 };
	auto_fd int run = farm_dir(&w->farm, "run", err);
	auto_fd int wake = -1, signals = -1;

	if (run == -1 || (wake = wake_bind(run, "tuf", err)) == -1 ||
	    (signals = watch_signals(err)) == -1)
		return -1;
	d.wake = wake;
	d.signals = signals;
	log_info("serving", "state=%s", w->farm.shown);
	return loop(&d, err);
}

static int
squeeze_all(struct work *w, struct err *err)
{
	bool made;

	if (transport_next(&w->transport, &w->repo, err) == -1)
		return -1;
	while (w->transport.busy)
		if (transport_take(&w->transport, &w->repo, &made, err) == -1 ||
		    transport_next(&w->transport, &w->repo, err) == -1)
			return -1;
	return 0;
}

static int
once(struct work *w, struct err *err)
{
	struct pass p = { .refresh = false };
	bool switched;

	if (repo_farm(&w->repo, &w->farm, err) == -1 ||
	    asked_open(&w->repo, &w->farm, err) == -1 ||
	    pass_run(&w->repo, &p, err) == -1)
		return -1;
	switched = p.switched;
	if (squeeze_all(w, err) == -1 || pass_run(&w->repo, &p, err) == -1)
		return -1;
	printf("%s\n",
	    switched || p.switched ? "published" : "nothing to publish");
	return 0;
}

/* kiln.yaml(5), as far as it concerns what is published. */
static int
read_settings(struct work *w, struct err *err)
{
	struct repo *r = &w->repo;
	auto_conf struct conf *c = NULL;
	const struct conf_node *stop;

	if (kiln_yaml_read(&c, w->farm.dirfd, NULL, err) == -1)
		return -1;
	stop = c ? conf_map(conf_root(c), "stop") : NULL;
	if (stop == NULL)
		return 0;
	r->stop_percent = conf_int(stop, "percent", r->stop_percent);
	r->stop_least = conf_int(stop, "least", r->stop_least);
	return 0;
}

int
cmd_serve(int argc, char **argv)
{
	static const struct option options[] = {
		WORK_OPTIONS,
		{ "once", no_argument, NULL, '1' },
		{ "verbose", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	struct work w = WORK_INIT;
	struct err err = ERR_INIT;
	bool single = false;
	int c, rc;

	while ((c = getopt_long(argc, argv, "s:v", options, NULL)) != -1) {
		if (c == '1')
			single = true;
		else if (c == 'v')
			log_verbose(true);
		else if (!work_option(&w, WHERE, c, &rc))
			return cli_usage(WHERE, "see --help");
		else if (rc)
			return rc;
	}
	if (optind != argc)
		return cli_usage(WHERE, "it takes no argument");
	log_open("kiln-tuf", false);
	w.squeezes = true;
	rc = -1;
	if (work_enter(&w, false, &err) == 0 && work_begin(&w, &err) == 0 &&
	    read_settings(&w, &err) == 0)
		rc = single ? once(&w, &err) : serve(&w, &err);
	work_release(&w);
	return rc == 0 ? EXIT_DONE : cli_fail(WHERE, &err, false);
}

/* --- asking the one that serves ---------------------------------------- */

static int
request(struct repo *r, const char *kind, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO request(at, kind) VALUES (?1, ?2)";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	stmt_bind_int(q, 1, r->now);
	stmt_bind_str(q, 2, kind);
	return stmt_run(q, err);
}

static int
say_done(bool handed_over)
{
	printf("%s\n", handed_over ? "asked the running kiln-tuf to publish"
				   : "published");
	return 0;
}

int
cmd_refresh(int argc, char **argv)
{
	static const struct option options[] = {
		WORK_OPTIONS,
		{ NULL, 0, NULL, 0 },
	};
	static const char where[] = "kiln-tuf refresh";
	struct work w = WORK_INIT;
	struct err err = ERR_INIT;
	bool handed_over;
	int c, rc = -1;

	while ((c = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
		if (!work_option(&w, where, c, &rc))
			return cli_usage(where, "see --help");
		if (rc)
			return rc;
	}
	if (optind != argc)
		return cli_usage(where, "it takes no argument");
	rc = -1;
	if (work_enter(&w, false, &err) == 0 && work_join(&w, &err) == 0 &&
	    request(&w.repo, "refresh", &err) == 0 &&
	    work_publish(&w, &handed_over, &err) == 0)
		rc = say_done(handed_over);
	work_release(&w);
	return rc == 0 ? EXIT_DONE : cli_fail(where, &err, false);
}

static int
withdraw(struct repo *r, const char *service, int64_t serial,
    const char *reason, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO withdrawal"
	    "(service, min_serial, at, reason) VALUES (?1, ?2, ?3, ?4)"
	    " ON CONFLICT (service) DO UPDATE SET"
	    " min_serial = excluded.min_serial, at = excluded.at,"
	    " reason = excluded.reason"
	    " WHERE min_serial < excluded.min_serial";
	static const char known[] = "SELECT coalesce(max(serial), 0)"
				    " FROM release WHERE service = ?1";
	auto_stmt struct stmt *k = db_stmt(r->db, known);
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	stmt_bind_str(k, 1, service);
	if (stmt_step(k, err) == -1)
		return -1;
	if (serial > stmt_int(k, 0))
		return err_set(err, ERR_INPUT,
		    "%s: no release with serial %lld; the newest is %lld",
		    service, (long long)serial, (long long)stmt_int(k, 0));
	stmt_bind_str(q, 1, service);
	stmt_bind_int(q, 2, serial + 1);
	stmt_bind_int(q, 3, r->now);
	stmt_bind_str(q, 4, reason);
	if (stmt_run(q, err) == -1)
		return -1;
	repo_event(r, "withdrawn", service, "serial %lld and below: %s",
	    (long long)serial, reason);
	return 0;
}

int
cmd_withdraw(int argc, char **argv)
{
	static const struct option options[] = {
		WORK_OPTIONS,
		{ "reason", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	static const char where[] = "kiln-tuf withdraw";
	const char *reason = NULL;
	struct work w = WORK_INIT;
	struct err err = ERR_INIT;
	bool handed_over;
	int64_t serial;
	int c, rc = -1;

	while ((c = getopt_long(argc, argv, "s:r:", options, NULL)) != -1) {
		if (c == 'r')
			reason = optarg;
		else if (!work_option(&w, where, c, &rc))
			return cli_usage(where, "see --help");
		else if (rc)
			return rc;
	}
	if (argc - optind != 2 || !reason)
		return cli_usage(
		    where, "say SERVICE, SERIAL and --reason TEXT");
	if (!service_ok(argv[optind]))
		return cli_usage(where, "%s is no service", argv[optind]);
	if (num_int(argv[optind + 1], 1, INT32_MAX, &serial, &err) == -1)
		return cli_fail(where, &err, false);
	rc = -1;
	if (work_enter(&w, false, &err) == 0 && work_join(&w, &err) == 0 &&
	    withdraw(&w.repo, argv[optind], serial, reason, &err) == 0 &&
	    work_publish(&w, &handed_over, &err) == 0)
		rc = say_done(handed_over);
	work_release(&w);
	return rc == 0 ? EXIT_DONE : cli_fail(where, &err, false);
}
