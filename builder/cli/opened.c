#include "builder/cli/opened.h"

#include <unistd.h>

#include "builder/schema.h"
#include "lib/own.h"
#include "lib/schema.h"

int
opened_parts(struct opened *o, bool write, struct err *err)
{
	auto_free char *path = farm_file(&o->farm, "farm.db");
	auto_fd int store = farm_dir(&o->farm, "store", err);

	if (store == -1)
		return err_prefix(err, "%s is no farm", o->farm.shown);
	o->db = write
		    ? db_open(path, farm_migrations, farm_migrations_count, err)
		    : db_open_reader_of(path, FARM_SCHEMA, err);
	if (!o->db)
		return -1;
	o->store = store_open(store, err);
	if (!o->store)
		return -1;
	if (write && (o->work = farm_dir(&o->farm, "work", err)) == -1)
		return -1;
	return 0;
}

void
opened_release(struct opened *o)
{
	store_free(o->store);
	db_close(o->db);
	if (o->work != -1)
		close(o->work);
	farm_release(&o->farm);
}
