#include "web/command.h"

#include <sodium.h>

#include "lib/cli.h"
#include "lib/drop.h"
#include "lib/farm.h"
#include "lib/own.h"
#include "web/schema.h"

int
web_command(const char *where, const char *state,
    int (*run)(struct db *, void *arg, struct err *), void *arg)
{
	struct farm farm = FARM_INIT;
	auto_free char *path = NULL;
	auto_db struct db *db = NULL;
	struct err err = ERR_INIT;
	int rc = -1;

	/* The same uid as the server's: web.db has one writing uid. */
	if (sodium_init() == -1)
		err_set(&err, ERR_SYSTEM, "libsodium does not start");
	else if (farm_enter(&farm, state, NULL, false, &err) == 0 &&
		 drop_to(ROLE_WEB, &err) == 0) {
		path = farm_file(&farm, "web.db");
		db = db_open(path, web_migrations, web_migrations_count, &err);
		if (db)
			rc = run(db, arg, &err);
	}
	db_close(db);
	db = NULL;
	farm_release(&farm);
	return rc == -1 ? cli_fail(where, &err, false) : EXIT_DONE;
}
