#include "builder/doubt/doubter.h"

#include <stdlib.h>
#include <unistd.h>

#include "builder/bake/layout.h"
#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define SYSTEM_FOLDER "/var/cache/kiln"

char *
doubter_default(void)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (geteuid() == 0)
		return mem_str(SYSTEM_FOLDER);
	if (cache && cache[0] == '/')
		return mem_printf("%s/kiln", cache);
	if (home && home[0] == '/')
		return mem_printf("%s/.cache/kiln", home);
	return mem_str(SYSTEM_FOLDER);
}

/* Outputs are removed here after use: nobody's farm must be taken for it. */
static int
no_farm(const struct doubter *d, struct err *err)
{
	auto_free char *path = farm_file(&d->farm, "farm.db");
	auto_db struct db *db = db_open_reader_of(path, 1, err);

	if (db)
		return err_set(err, ERR_INPUT,
		    "%s is a farm: a reproduction wants a folder of its own",
		    d->farm.shown);
	if (err->cls != ERR_MISSING)
		return -1;
	err_clear(err);
	return 0;
}

static int
open_folders(struct doubter *d, struct err *err)
{
	auto_fd int store = farm_dir(&d->farm, "store", err);

	if (store == -1)
		return -1;
	d->workdir = farm_dir(&d->farm, "work", err);
	if (d->workdir == -1)
		return -1;
	d->lock = lock_file_at(d->workdir, "lock", err);
	if (d->lock == -1)
		return err_prefix(err, "%s is in use", d->farm.shown);
	d->logdir = farm_dir(&d->farm, "log/runs", err);
	d->git = farm_dir(&d->farm, "git", err);
	d->env.dirfd = farm_dir(&d->farm, "env", err);
	if (d->logdir == -1 || d->git == -1 || d->env.dirfd == -1)
		return -1;
	d->store = store_open(store, err);
	if (!d->store)
		return -1;
	d->env_path = mem_printf("%s/env", d->farm.path);
	d->work_path = mem_printf("%s/work", d->farm.path);
	d->env.path = d->env_path;
	d->env.store = d->store;
	d->env.crew = &d->crew;
	return 0;
}

/* A doubter without apt sources still has a server. */
static void
find_sources(struct doubter *d)
{
	struct err none = ERR_INIT;

	if (settings_sources(&d->settings, &d->sources, &none) == -1)
		err_clear(&none);
}

static int
open_work(struct doubter *d, int jobs, struct err *err)
{
	struct build_place place = { .store = d->store,
		.workdir = d->workdir,
		.work_path = d->work_path,
		.logdir = d->logdir,
		.cgroups = &d->cgroups };
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (jobs == 0)
		jobs = n < 1 ? 1 : n > 64 ? 64 : (int)n;
	return work_init(&d->work, &place, jobs, err);
}

int
doubter_open(
    struct doubter *d, const struct doubter_options *o, struct err *err)
{
	auto_free char *state =
	    o->state ? mem_str(o->state) : doubter_default();

	if (farm_enter(&d->farm, state, NULL, true, err) == -1)
		return -1;
	cgroups_open(&d->cgroups, "", role_walls() ? role_uid(ROLE_BUILDER) : 0,
	    role_walls() ? role_gid(ROLE_BUILDER) : 0);
	if (workers_start(&d->workers, err) == -1 ||
	    env_crew_start(&d->crew, err) == -1 ||
	    drop_to(ROLE_BUILDER, err) == -1 || no_farm(d, err) == -1 ||
	    open_folders(d, err) == -1 ||
	    layout_recover(d->workdir, err) == -1 ||
	    env_recover(&d->env, err) == -1 ||
	    settings_read(&d->settings, d->farm.dirfd, o->config, err) == -1)
		return -1;
	find_sources(d);
	d->archive = (struct deb_archive){ .store = d->store,
		.workers = &d->workers,
		.sources = &d->sources,
		.tmpdir = d->workdir,
		.gitdir = d->git,
		.secrets = d->settings.secrets,
		.nsecrets = d->settings.nsecrets };
	d->next_id = 1;
	return open_work(d, o->jobs, err);
}

void
doubter_close(struct doubter *d)
{
	if (d->work.engine)
		work_release(&d->work);
	store_free(d->store);
	workers_stop(&d->workers);
	env_crew_stop(&d->crew);
	cgroups_close(&d->cgroups);
	apt_sources_release(&d->sources);
	settings_release(&d->settings);
	own_close(&d->env.dirfd);
	own_close(&d->workdir);
	own_close(&d->logdir);
	own_close(&d->git);
	own_close(&d->lock);
	free(d->env_path);
	free(d->work_path);
	farm_release(&d->farm);
}

void
doubter_tell(struct doubter *d, const char *what, const char *subject,
    int64_t done, int64_t total, const char *unit)
{
	struct doubter_news n = { what, subject, unit, done, total };

	if (d->tell)
		d->tell(d->arg, &n);
}
