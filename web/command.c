#include "web/command.h"

#include <sodium.h>

#include "lib/cli.h"
#include "lib/drop.h"
#include "lib/farm.h"
#include "lib/own.h"
#include "web/schema.h"

static int
open_all(struct web *w, const struct farm *farm, struct err *err)
{
	auto_free char *path = farm_file(farm, "web.db");

	w->path = farm->path;
	w->state = farm->dirfd;
	if ((w->store = farm_dir(farm, "store", err)) == -1)
		return -1;
	w->web = db_open(path, web_migrations, web_migrations_count, err);
	if (w->web == NULL)
		return -1;
	web_readers(w);
	return 0;
}

int
web_command(const char *where, const char *state,
    int (*run)(struct web *, void *arg, struct err *), void *arg)
{
	struct web w = {
		.metadata = -1, .targets = -1, .store = -1, .live = -1
	};
	struct farm farm = FARM_INIT;
	struct err err = ERR_INIT;
	int rc = -1;

	/* The same uid as the server's: web.db has one writing uid. */
	if (sodium_init() == -1)
		err_set(&err, ERR_SYSTEM, "libsodium does not start");
	else if (farm_enter(&farm, state, NULL, false, &err) == 0 &&
		 drop_to(ROLE_WEB, &err) == 0 && open_all(&w, &farm, &err) == 0)
		rc = run(&w, arg, &err);
	json_decref(w.records);
	db_close(w.farm);
	db_close(w.tuf);
	db_close(w.web);
	own_close(&w.store);
	farm_release(&farm);
	return rc == -1 ? cli_fail(where, &err, false) : EXIT_DONE;
}
