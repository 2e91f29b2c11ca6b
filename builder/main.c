/*
 * kiln-builder: watches, locks, plans, builds, judges.
 *
 * Starts its workers while it may still be root, takes a uid of its own,
 * and only then reads anything.  It holds no key and listens on no network;
 * requests are rows of web.db, and a datagram without data says "look".
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/bake/env.h"
#include "builder/bake/env_crew.h"
#include "builder/bake/layout.h"
#include "builder/cycle.h"
#include "builder/exec/attempt.h"
#include "builder/inputs/lock_keep.h"
#include "builder/judge/differ.h"
#include "builder/loop.h"
#include "builder/plan/arch.h"
#include "builder/plan/ledger.h"
#include "builder/progress.h"
#include "builder/schema.h"
#include "lib/cli.h"
#include "lib/farm.h"
#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define ME "kiln-builder"
#define AUDIT_DEFAULT 2 /* percent */

struct options {
	const char *state, *recipes, *config;
	const char **only; /* of argv */
	size_t nonly, caponly;
	bool once, check, offline;
	int jobs;
};

static struct builder builder; /* its `stop` is set by a signal */

static const char usage[] =
    "usage: kiln-builder [--state DIR] [--recipes DIR] [--jobs N]\n"
    "                    [--once] [--offline] [--only RECIPE]...\n"
    "       kiln-builder -n [--recipes DIR]\n"
    "\n"
    "Watches the Debian archive, locks, plans, builds each plan in two lanes,\n"
    "compares and records.  Runs until it is told to stop.\n"
    "\n"
    "  --state DIR     the folder of the farm ($KILN_STATE, ./var in a\n"
    "                  checkout, /var/lib/kiln)\n"
    "  --recipes DIR   the recipes ($KILN_RECIPES, ./recipes in a checkout,\n"
    "                  /etc/kiln/recipes, else those installed with kiln)\n"
    "  --jobs N        runs at a time (default: as many as processors)\n"
    "  --config FILE   kiln.yaml(5) (kiln.yaml in the farm's folder, else\n"
    "                  /etc/kiln/kiln.yaml)\n"
    "  --once          one cycle, then a line for each recipe; 1 when one is\n"
    "                  not reproduced, 3 when one is not any more\n"
    "  --offline       never ask the archive\n"
    "  --only RECIPE   this one and what it uses; may be repeated\n"
    "  -n              only check the recipes; 2 when one is wrong\n"
    "  --help, --version\n";

static int
parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "state", required_argument, NULL, 's' },
		{ "recipes", required_argument, NULL, 'r' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "once", no_argument, NULL, '1' },
		{ "offline", no_argument, NULL, 'O' },
		{ "only", required_argument, NULL, 'o' },
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	struct err err = ERR_INIT;
	int64_t jobs = 0;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":n", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			o->state = optarg;
			break;
		case 'r':
			o->recipes = optarg;
			break;
		case 'j':
			if (num_int(optarg, 1, 64, &jobs, &err) == -1)
				return cli_usage(ME,
				    "--jobs: \"%s\" is not 1 to 64", optarg);
			break;
		case '1':
			o->once = true;
			break;
		case 'O':
			o->offline = true;
			break;
		case 'o':
			MEM_GROW(o->only, o->nonly, o->caponly);
			o->only[o->nonly++] = optarg;
			break;
		case 'c':
			o->config = optarg;
			break;
		case 'n':
			o->check = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_DONE);
		case 'V':
			printf(ME " %s\n", KILN_VERSION);
			exit(EXIT_DONE);
		case ':':
			return cli_usage(
			    ME, "%s wants a value", argv[optind - 1]);
		default:
			return cli_usage(
			    ME, "unknown option \"%s\"", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return cli_usage(ME, "unknown word \"%s\"", argv[optind]);
	o->jobs = (int)jobs;
	return 0;
}

static int64_t
processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n;
}

/* Three quarters of the machine's: the rest is for everything else. */
static int64_t
memory_of(void)
{
	return (int64_t)sysconf(_SC_PHYS_PAGES) / 4 * 3 * sysconf(_SC_PAGESIZE);
}

/* The command line's, kiln.yaml's, as many as processors. */
static int
jobs_of(const struct options *o, const struct settings *s)
{
	int64_t n = o->jobs ? o->jobs : s->jobs;

	if (n == 0)
		n = processors();
	return n < 1 ? 1 : n > 64 ? 64 : (int)n;
}

static int
check_recipes(const struct options *o)
{
	const char *path = o->recipes ? o->recipes : farm_default_recipes();
	const char *names[ARCHES];
	const struct strs every = { names, ARCHES };
	struct recipe_folder folder = { 0 };
	struct err err = ERR_INIT;
	auto_fd int dir = dir_open(path, &err);
	struct recipes all;
	size_t held = 0;
	int rc = EXIT_DONE;

	folder.dirfd = dir;
	arch_every(names);
	if (dir == -1 ||
	    recipes_load_from(&folder, 1, &every, NULL, &all, &err) == -1)
		return cli_fail(ME, &err, false);
	for (size_t i = 0; i < all.n; i++) {
		if (!all.v[i].error)
			continue;
		fprintf(stderr, ME ": %s%s%s\n",
		    all.v[i].own_error ? "" : all.v[i].name,
		    all.v[i].own_error ? "" : ": ", all.v[i].error);
		held++;
		if (all.v[i].own_error && !all.v[i].lacking)
			rc = EXIT_USAGE;
	}
	if (rc == EXIT_DONE)
		printf("%zu recipes are good\n", all.n - held);
	recipes_release(&all);
	return rc;
}

static void
on_signal(int sig)
{
	(void)sig;
	atomic_store(&builder.told, true);
	atomic_store(&builder.stop, true);
}

/* Everything that stays open, and what it is called from outside. */
struct opened {
	struct farm farm;
	struct workers workers;
	struct env_crew crew;
	struct cgroups cgroups;
	struct apt_sources sources;
	char *env_path, *work_path, *web_db;
	int lock, wake, git, spool;
};

static int
open_folders(struct opened *o, struct builder *b, struct err *err)
{
	auto_fd int store = farm_dir(&o->farm, "store", err);

	if (store == -1)
		return -1;
	b->workdir = farm_dir(&o->farm, "work", err);
	if (b->workdir == -1)
		return -1;
	o->lock = lock_file_at(b->workdir, "lock", err);
	if (o->lock == -1)
		return err_prefix(err, "another kiln-builder has this farm");
	o->git = farm_dir(&o->farm, "git", err);
	o->spool = farm_dir(&o->farm, "spool", err);
	if (o->git == -1 || o->spool == -1)
		return -1;
	b->envdir = farm_dir(&o->farm, "env", err);
	b->logdir = farm_dir(&o->farm, "log/runs", err);
	b->rundir = farm_dir(&o->farm, "run", err);
	if (b->envdir == -1 || b->logdir == -1 || b->rundir == -1)
		return -1;
	b->store = store_open(store, err);
	if (!b->store)
		return -1;
	o->env_path = mem_printf("%s/env", o->farm.path);
	o->work_path = mem_printf("%s/work", o->farm.path);
	o->web_db = farm_file(&o->farm, "web.db");
	b->env_path = o->env_path;
	b->work_path = o->work_path;
	return 0;
}

/* The plain folder, unless kiln.yaml names repositories. */
static int
open_recipes(struct opened *o, struct builder *b, struct err *err)
{
	if (b->settings.nrepos > 0)
		return 0;
	if (!o->farm.recipes)
		return err_set(err, ERR_MISSING,
		    "no recipes: name their folder with --recipes, or a "
		    "repository in kiln.yaml");
	b->recipes = dir_open(o->farm.recipes, err);
	return b->recipes == -1 ? -1 : 0;
}

/* What a killed predecessor left. */
static int
recover(struct builder *b, struct err *err)
{
	struct env_place at = {
		.dirfd = b->envdir,
		.path = b->env_path,
		.store = b->store,
		.crew = b->crew,
	};

	progress_recover(b->db);
	if (ledger_recover(b->db, err) == -1 ||
	    layout_recover(b->workdir, err) == -1 ||
	    env_recover(&at, err) == -1)
		return err_prefix(err, "recover");
	/* Logs of runs that are no more; they are nobody's memory. */
	return loop_clean_logs(b->logdir, err);
}

static int
open_all(struct opened *o, struct builder *b, const struct options *opt,
    struct err *err)
{
	auto_free char *db = NULL;
	struct build_place place;

	if (farm_enter(&o->farm, opt->state, opt->recipes, true, err) == -1)
		return -1;
	cgroups_open(&o->cgroups, "", role_walls() ? role_uid(ROLE_BUILDER) : 0,
	    role_walls() ? role_gid(ROLE_BUILDER) : 0);
	if (workers_start(&o->workers, err) == -1 ||
	    env_crew_start(&o->crew, err) == -1 ||
	    drop_to(ROLE_BUILDER, err) == -1 || open_folders(o, b, err) == -1)
		return -1;
	b->crew = &o->crew;
	/* One cycle by hand does what it is asked for on its line. */
	b->wishes.web_db = opt->once ? NULL : o->web_db;
	if (settings_read(&b->settings, o->farm.dirfd, opt->config, err) ==
		-1 ||
	    open_recipes(o, b, err) == -1)
		return -1;
	db = farm_file(&o->farm, "farm.db");
	b->db = db_open(db, farm_migrations, farm_migrations_count, err);
	if (!b->db ||
	    (!b->settings.exec.slurm && attempt_forget_all(b->db, err) == -1) ||
	    recover(b, err) == -1)
		return -1;
	if (!opt->offline &&
	    settings_sources(&b->settings, &o->sources, err) == -1)
		return -1;
	o->wake = wake_bind(b->rundir, "builder", err);
	if (o->wake == -1)
		return -1;
	b->arch = arch_own(err);
	if (!b->arch)
		return -1;
	b->archive = (struct deb_archive){ .db = b->db,
		.store = b->store,
		.workers = &o->workers,
		.sources = &o->sources,
		.tmpdir = b->workdir,
		.gitdir = o->git,
		.offline = opt->offline,
		.secrets = b->settings.secrets,
		.nsecrets = b->settings.nsecrets };
	b->only = opt->only;
	b->nonly = opt->nonly;
	b->jobs = jobs_of(opt, &b->settings);
	/* One cycle by hand does what it is asked for, nothing by chance. */
	b->audit = b->settings.audit != -1 ? b->settings.audit
		   : opt->once		   ? 0
					   : AUDIT_DEFAULT;
	b->cpus = b->settings.cpus ? b->settings.cpus : processors();
	b->memory = b->settings.memory ? b->settings.memory : memory_of();
	place = (struct build_place){ .store = b->store,
		.workdir = b->workdir,
		.work_path = b->work_path,
		.logdir = b->logdir,
		.cgroups = &o->cgroups };
	if (b->settings.exec.slurm) {
		const struct remote_place at = { .db = b->db,
			.store = b->store,
			.web_db = o->web_db,
			.spool = o->spool };

		work_init_remote(&b->work, &b->settings.exec, &at);
		return 0;
	}
	log_info("limits", "%s", o->cgroups.text);
	return work_init(&b->work, &place, b->jobs, err);
}

static void
close_all(struct opened *o, struct builder *b)
{
	work_release(&b->work);
	wishes_close(&b->wishes);
	lock_keep_forget(b->archive.news);
	store_free(b->store);
	db_close(b->db);
	workers_stop(&o->workers);
	env_crew_stop(&o->crew);
	cgroups_close(&o->cgroups);
	apt_sources_release(&o->sources);
	own_close(&b->recipes);
	own_close(&b->envdir);
	own_close(&b->workdir);
	own_close(&b->logdir);
	own_close(&b->rundir);
	own_close(&o->wake);
	own_close(&o->lock);
	own_close(&o->git);
	own_close(&o->spool);
	settings_release(&b->settings);
	free(o->env_path);
	free(o->work_path);
	free(o->web_db);
	farm_release(&o->farm);
}

static int
once(struct builder *b, const struct options *opt, struct err *err)
{
	struct cycle c;
	int rc = EXIT_DONE;

	if (cycle_run(b, !opt->offline, &c, err) == -1) {
		cycle_release(&c);
		return -1;
	}
	for (size_t i = 0; i < c.noutcomes; i++) {
		const struct outcome *o = &c.outcomes[i];
		char hex[HASH_HEX] = "-";

		if (o->planned)
			hash_hex(&o->plan, hex);
		printf("%-20s %-6s %.12s %s%s%s\n", o->recipe,
		    o->stage[0] ? o->stage : "-", hex, o->verdict,
		    o->why ? ": " : "", o->why ? o->why : "");
	}
	printf("executed %lld, releases %lld\n", (long long)c.executed,
	    (long long)c.released);
	if (!cycle_all_good(&c) || atomic_load(&b->stop))
		rc = EXIT_FAILED;
	if (c.alarms)
		rc = EXIT_DIFFERS;
	cycle_release(&c);
	return rc;
}

int
main(int argc, char **argv)
{
	struct opened o = { .workers = WORKERS_INIT,
		.cgroups = CGROUPS_INIT,
		.sources = APT_SOURCES_INIT,
		.lock = -1,
		.git = -1,
		.spool = -1,
		.wake = -1,
		.farm = { .dirfd = -1 } };
	struct sigaction sa = { .sa_handler = on_signal };
	struct options opt = { 0 };
	struct builder *b = &builder;
	struct err err = ERR_INIT;
	int rc;

	if (argc == 3 && strcmp(argv[1], "-x") == 0)
		return strcmp(argv[2], "env") == 0	? env_main()
		       : strcmp(argv[2], "differ") == 0 ? differ_main()
							: worker_main(argv[2]);
	rc = parse(argc, argv, &opt);
	if (rc != 0)
		return rc;
	if (opt.check)
		return check_recipes(&opt);

	log_open(ME, false);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	b->recipes = b->envdir = b->workdir = b->logdir = b->rundir = -1;
	rc = open_all(&o, b, &opt, &err);
	if (rc == 0)
		rc = opt.once ? once(b, &opt, &err)
			      : loop_run(b,
				    &(struct loop){ .wake = o.wake,
					.offline = opt.offline,
					.farm = &o.farm },
				    &err);
	close_all(&o, b);
	free(opt.only);
	return rc == -1 ? cli_fail(ME, &err, false) : rc;
}
