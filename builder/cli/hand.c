#include "builder/cli/hand.h"

#include <stdlib.h>
#include <unistd.h>

#include "builder/bake/turn.h"
#include "builder/schema.h"
#include "lib/drop.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/schema.h"

#define TURN_MS 10000

/* One that is not there yet says nothing; one that cannot be asked might. */
static int
open_other(struct hand *h, const char *name, int64_t schema, struct db **out,
    struct err *err)
{
	auto_free char *path = farm_file(&h->farm, name);

	*out = db_open_reader_of(path, schema, err);
	if (*out)
		return 0;
	if (err->cls != ERR_MISSING)
		return err_prefix(err, "%s", name);
	err_clear(err);
	return 0;
}

static int
open_databases(struct hand *h, bool write, struct err *err)
{
	auto_free char *path = farm_file(&h->farm, "farm.db");

	h->needs.farm =
	    write ? db_open(path, farm_migrations, farm_migrations_count, err)
		  : db_open_reader_of(path, FARM_SCHEMA, err);
	if (!h->needs.farm)
		return -1;
	if (open_other(h, "tuf.db", TUF_SCHEMA, &h->needs.tuf, err) == -1 ||
	    open_other(h, "web.db", WEB_SCHEMA, &h->needs.web, err) == -1)
		return -1;
	return 0;
}

static int
open_folders(struct hand *h, struct err *err)
{
	auto_fd int store = farm_dir(&h->farm, "store", err);

	if (store == -1)
		return -1;
	h->needs.store = store_open(store, err);
	h->work = farm_dir(&h->farm, "work", err);
	h->place.dirfd = farm_dir(&h->farm, "env", err);
	if (!h->needs.store || h->work == -1 || h->place.dirfd == -1)
		return -1;
	h->env_path = mem_printf("%s/env", h->farm.path);
	h->place.path = h->env_path;
	h->place.store = h->needs.store;
	h->place.crew = &h->crew;
	return 0;
}

int
hand_open(struct hand *h, const struct hand_options *o, struct err *err)
{
	if (farm_enter(&h->farm, o->state, NULL, false, err) == -1 ||
	    env_crew_start(&h->crew, err) == -1 ||
	    (o->fetch && workers_start(&h->workers, err) == -1) ||
	    drop_to(ROLE_BUILDER, err) == -1 || open_folders(h, err) == -1 ||
	    open_databases(h, o->write, err) == -1 ||
	    settings_read(&h->settings, h->farm.dirfd, o->config, err) == -1)
		return -1;
	h->needs.rules = h->settings.keep;
	return 0;
}

int
hand_turn(struct hand *h, struct err *err)
{
	h->turn = turn_take(h->work, TURN_MS, NULL, err);
	return h->turn == -1 ? -1 : 0;
}

void
hand_close(struct hand *h)
{
	needs_release(&h->needs);
	store_free(h->needs.store);
	db_close(h->needs.farm);
	db_close(h->needs.tuf);
	db_close(h->needs.web);
	workers_stop(&h->workers);
	env_crew_stop(&h->crew);
	settings_release(&h->settings);
	own_close(&h->work);
	own_close(&h->turn);
	own_close(&h->place.dirfd);
	free(h->env_path);
	farm_release(&h->farm);
}
