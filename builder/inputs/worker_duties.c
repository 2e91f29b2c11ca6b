/* Which duties there are: whoever links this links what they need. */
#include <string.h>

#include "builder/inputs/git.h"
#include "builder/inputs/worker.h"
#include "lib/cli.h"
#include "lib/log.h"
#include "lib/mem.h"

int
worker_main(const char *which)
{
	static const struct worker_duty duties[] = {
		{ "fetch", ROLE_FETCH, true, fetch_serve },
		{ "index", ROLE_INDEX, false, index_serve },
		{ "git", ROLE_GIT, true, git_serve },
	};
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(duties); i++)
		if (strcmp(which, duties[i].name) == 0)
			return worker_run(&duties[i]);
	log_open("kiln-builder", false);
	err_set(&err, ERR_INPUT, "no worker is called \"%s\"", which);
	log_err("worker", &err);
	return EXIT_USAGE;
}
