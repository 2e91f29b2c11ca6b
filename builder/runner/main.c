/*
 * kiln-runner: one run on a machine that is not the farm's.
 *
 * The engine starts it as the interpreter of the job's script, which says
 * where the farm is, which attempt this is, the digest of what to run, and the
 * secret that its result is handed in with.  It fetches by digest, checks,
 * makes the environment, builds in the same sandbox as the farm would, and
 * hands outputs and log in.  A build that failed is a result; only what this
 * machine could not do ends with 1.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "builder/bake/env.h"
#include "builder/bake/policy.h"
#include "builder/plan/plan.h"
#include "builder/runner/farm.h"
#include "lib/cli.h"
#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/sandbox.h"
#include "lib/tree.h"

#define ME "kiln-runner"
#define JOB_MAX ((size_t)64 << 10)
#define TICKET_MAX ((size_t)64 << 10)
#define SIGNAL_MS 1000
#define PATIENCE_MS (20 * 60 * 1000)

static const char usage[] =
    "usage: kiln-runner JOB\n"
    "\n"
    "One run of a farm's on this machine.  JOB is the script that the farm\n"
    "submits; its first line names this program, so the engine starts it.\n"
    "\n"
    "  --help, --version\n";

static atomic_bool stop;

static void
on_signal(int sig)
{
	(void)sig;
	atomic_store(&stop, true);
}

struct run {
	struct job job;
	struct farm_link link;
	int cache, work; /* work: CACHE/work/ATTEMPT */
	char *work_path, *env_path;
	struct store *store, *results;
	struct ticket ticket;
	struct plan *plan;
	struct env env;
	struct handin in;
};

/* --- where it works --------------------------------------------------------*/

/* Folders that no process holds: their runners were killed. */
static int
sweep(int work, struct err *err)
{
	auto_dir DIR *d = dir_list_at(work, ".", err);
	const struct dirent *e;

	if (!d)
		return -1;
	while ((e = readdir(d))) {
		auto_fd int one = -1;
		struct err gone = ERR_INIT;

		if (!exec_id_ok(e->d_name))
			continue;
		one = dir_open_at(work, e->d_name, &gone);
		if (one == -1 || flock(one, LOCK_EX | LOCK_NB) == -1)
			continue;
		if (tree_remove_at(work, e->d_name, err) == -1)
			return -1;
	}
	return 0;
}

/* Made and taken before anybody sweeps it. */
static int
open_work(struct run *r, struct err *err)
{
	auto_fd int all = dir_make_at(r->cache, "work", 0700, err);

	if (all == -1)
		return -1;
	while (flock(all, LOCK_EX) == -1)
		if (errno != EINTR)
			return err_sys(err, "lock the work folder");
	r->work = dir_make_at(all, r->job.attempt, 0700, err);
	if (r->work == -1)
		return -1;
	if (flock(r->work, LOCK_EX | LOCK_NB) == -1)
		return err_sys(err, "this attempt runs here already");
	return sweep(all, err);
}

static int
open_places(struct run *r, struct err *err)
{
	auto_free char *work = mem_printf("work/%s", r->job.attempt);
	auto_fd int store = -1, results = -1, env = -1;

	if (path_make(r->job.cache, err) == -1 ||
	    (r->cache = dir_open(r->job.cache, err)) == -1)
		return -1;
	store = dir_make_at(r->cache, "store", 0755, err);
	env = dir_make_at(r->cache, "env", 0755, err);
	if (store == -1 || env == -1 || open_work(r, err) == -1)
		return -1;
	results = dir_make_at(r->work, "results", 0700, err);
	if (results == -1)
		return -1;
	r->store = store_open(store, err);
	r->results = r->store ? store_open(results, err) : NULL;
	r->work_path = mem_printf("%s/%s", r->job.cache, work);
	r->env_path = mem_printf("%s/env", r->job.cache);
	return r->results ? 0 : -1;
}

static void
close_places(struct run *r)
{
	auto_free char *work = mem_printf("work/%s", r->job.attempt);
	struct err ignored = ERR_INIT;

	store_free(r->store);
	store_free(r->results);
	own_close(&r->work);
	if (r->cache != -1 && tree_remove_at(r->cache, work, &ignored) == -1)
		log_err("tidy-up", &ignored);
	own_close(&r->cache);
	plan_free(r->plan);
	env_release(&r->env);
	handin_release(&r->in);
	http_close(r->link.http);
	free(r->work_path);
	free(r->env_path);
}

/* --- inputs ----------------------------------------------------------------*/

static int
fetch(struct run *r, const struct hash *h, const char *what, struct err *err)
{
	if (farm_fetch(&r->link, r->store, r->work, h, err) == 0)
		return 0;
	return err_prefix(err, "%s", what);
}

static int
read_order(struct run *r, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	struct hash policy;

	if (fetch(r, &r->job.ticket, "ticket", err) == -1 ||
	    store_read(r->store, &r->job.ticket, TICKET_MAX, &text, err) ==
		-1 ||
	    ticket_read(&r->ticket, "ticket", text.data, text.len, err) == -1 ||
	    fetch(r, &r->ticket.plan, "plan", err) == -1)
		return -1;
	r->in.plan = r->ticket.plan;
	r->in.lane = r->ticket.lane;
	r->plan = plan_load(r->store, &r->ticket.plan, err);
	if (!r->plan)
		return -1;
	policy_digest(&policy);
	if (!hash_equal(&policy, &r->plan->policy))
		return err_set(err, ERR_INPUT,
		    "the farm's kiln builds by other rules than this one,"
		    " " KILN_VERSION ": install the farm's version here");
	return 0;
}

static int
fetch_inputs(struct run *r, struct err *err)
{
	const struct plan *p = r->plan;

	for (size_t i = 0; i < p->npackages; i++)
		if (fetch(r, &p->packages[i].sha256, p->packages[i].name,
			err) == -1)
			return -1;
	for (size_t i = 0; i < p->ntree; i++)
		if (fetch(r, &p->tree[i].sha256, p->tree[i].path, err) == -1)
			return -1;
	for (size_t i = 0; i < p->nsources; i++)
		if (fetch(r, &p->sources[i].sha256, p->sources[i].file, err) ==
		    -1)
			return -1;
	for (size_t i = 0; i < p->nuses; i++)
		if (fetch(r, &p->uses[i].sha256, p->uses[i].output, err) == -1)
			return -1;
	return 0;
}

/* One process at a time; what a killed one left half-made goes. */
static int
make_env(struct run *r, struct err *err)
{
	auto_fd int env = dir_open_at(r->cache, "env", err);
	auto_fd int lock = -1;
	struct env_place at = {
		.dirfd = env, .path = r->env_path, .store = r->store
	};
	struct env_package *list;
	int rc;

	if (env == -1)
		return -1;
	lock = file_open_at(r->cache, "env.lock", O_RDWR | O_CREAT, 0644, err);
	if (lock == -1)
		return -1;
	while (flock(lock, LOCK_EX) == -1)
		if (errno != EINTR)
			return err_sys(err, "lock the environments");
	list = mem_zero(r->plan->npackages + 1, sizeof(*list));
	for (size_t i = 0; i < r->plan->npackages; i++)
		list[i] = (struct env_package){ r->plan->packages[i].name,
			r->plan->packages[i].sha256 };
	rc = env_recover(&at, err);
	if (rc == 0)
		rc = env_make(&at, list, r->plan->npackages, &r->env, err);
	free(list);
	return rc == -1 ? -1 : env_same(&at, &r->env.digest, err);
}

/* --- the build -------------------------------------------------------------*/

/*
 * An engine ends a job by a signal to each of its processes, the build's too:
 * what looks like a build that failed is none.  Ours may come a moment later.
 */
static bool
was_ended(const struct build_result *b)
{
	if (b->succeeded)
		return false;
	for (int ms = 0; ms < SIGNAL_MS && !atomic_load(&stop) &&
			 strcmp(b->cause, "signal") == 0;
	     ms += 50)
		poll(NULL, 0, 50);
	return atomic_load(&stop);
}

static int
build(struct run *r, struct err *err)
{
	auto_fd int runs = dir_make_at(r->work, "runs", 0700, err);
	auto_free char *path = mem_printf("%s/runs", r->work_path);
	const struct build_place at = { .store = r->store,
		.results = r->results,
		.workdir = runs,
		.work_path = path,
		.logdir = r->work };
	const struct build_order o = { .id = 1,
		.plan = r->plan,
		.lane = r->ticket.lane,
		.vary = r->ticket.vary,
		.environment = r->env.digest,
		.root = r->env.root,
		.limits = r->ticket.limits,
		.process_memory = r->ticket.process_memory,
		.stop = &stop };

	if (runs == -1 || sandbox_check(err) == -1 ||
	    build_run(&at, &o, &r->in.result, err) == -1)
		return -1;
	if (r->in.result.stopped || was_ended(&r->in.result))
		return err_set(err, ERR_BUSY, "it was told to stop");
	r->in.environment = r->env.digest;
	r->in.outcome =
	    r->in.result.succeeded ? HANDIN_SUCCEEDED : HANDIN_FAILED;
	return 0;
}

static int
hand_in(struct run *r, struct err *err)
{
	const struct build_result *b = &r->in.result;
	auto_fd int log = -1;

	if (store_get(r->results, &b->log, &log, err) == -1 ||
	    fd_size(log, &r->in.log_size, err) == -1)
		return -1;
	for (size_t i = 0; i < b->outputs.n; i++)
		if (farm_upload(&r->link, r->results, &b->outputs.v[i].sha256,
			err) == -1)
			return err_prefix(
			    err, "hand in %s", b->outputs.v[i].name);
	if (farm_upload(&r->link, r->results, &b->log, err) == -1 ||
	    farm_hand_in(&r->link, &r->in, err) == -1)
		return err_prefix(err, "hand in");
	return 0;
}

static int
work(struct run *r, struct err *err)
{
	if (read_order(r, err) == -1 || fetch_inputs(r, err) == -1 ||
	    make_env(r, err) == -1 || build(r, err) == -1)
		return -1;
	return hand_in(r, err);
}

/* The farm waits less long when it is told. */
static void
tell_lost(struct run *r, const struct err *why)
{
	struct handin lost = { .outcome = HANDIN_LOST,
		.ticket = r->in.ticket,
		.plan = r->in.plan,
		.lane = r->in.lane ? r->in.lane : 'A' };
	struct err ignored = ERR_INIT;

	memcpy(lost.attempt, r->in.attempt, sizeof(lost.attempt));
	memcpy(lost.node, r->in.node, sizeof(lost.node));
	snprintf(
	    lost.result.message, sizeof(lost.result.message), "%s", why->msg);
	snprintf(
	    lost.result.cause, sizeof(lost.result.cause), "%s", err_cause(why));
	r->link.patience_ms = 0;
	if (farm_hand_in(&r->link, &lost, &ignored) == -1)
		log_err("tell", &ignored);
}

static void
name_node(char node[65])
{
	const char *name = getenv("SLURMD_NODENAME");

	if (name && name_ok(name) && strlen(name) < 65)
		snprintf(node, 65, "%s", name);
	else if (gethostname(node, 64) == -1)
		snprintf(node, 65, "unknown");
	node[64] = '\0';
}

static int
runner(const char *path, struct err *err)
{
	struct run r = { .cache = -1, .work = -1 };
	auto_buf struct buf text = BUF_INIT;
	int rc;

	if (file_read(path, JOB_MAX, &text, err) == -1 ||
	    job_read(&r.job, text.data, text.len, err) == -1)
		return -1;
	sodium_memzero(text.data, text.len);
	r.link = (struct farm_link){ .job = &r.job,
		.http = http_open(ME "/" KILN_VERSION, NULL, err),
		.stop = &stop,
		.patience_ms = PATIENCE_MS };
	if (!r.link.http)
		return -1;
	memcpy(r.in.attempt, r.job.attempt, sizeof(r.in.attempt));
	r.in.ticket = r.job.ticket;
	name_node(r.in.node);
	rc = open_places(&r, err);
	if (rc == 0)
		rc = work(&r, err);
	if (rc == -1)
		tell_lost(&r, err);
	close_places(&r);
	return rc;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	struct sigaction sa = { .sa_handler = on_signal };
	struct err err = ERR_INIT;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		if (c == 'h') {
			fputs(usage, stdout);
			return EXIT_DONE;
		} else if (c == 'V') {
			puts(ME " " KILN_VERSION);
			return EXIT_DONE;
		} else {
			return cli_usage(ME, "unknown option");
		}
	if (optind + 1 != argc)
		return cli_usage(ME, "it takes the name of a job");
	log_open(ME, false);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	if (sodium_init() == -1) {
		err_set(&err, ERR_SYSTEM, "libsodium does not start");
		return cli_fail(ME, &err, false);
	}
	return runner(argv[optind], &err) == -1 ? cli_fail(ME, &err, false)
						: EXIT_DONE;
}
