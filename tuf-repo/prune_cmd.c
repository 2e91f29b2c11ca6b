/* `kiln-tuf prune` */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/cli.h"
#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tuf-repo/asked.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/prune.h"
#include "tuf-repo/work.h"

#define WHERE "kiln-tuf prune"

static void
print(const struct prune *p)
{
	auto_buf struct buf size = BUF_INIT;
	const char *path;
	json_t *v;

	if (p->dry)
		json_object_foreach(p->kept, path, v)
		    printf("keep %s: %s\n", path, json_string_value(v));
	json_object_foreach(p->removed, path, v)
	    printf("%s %s: nothing needs it\n",
		p->dry ? "would remove" : "removed", path);
	num_add_size(&size, p->bytes);
	printf("%zu files, %s %s\n", json_object_size(p->removed), size.data,
	    p->dry ? "would go" : "are gone");
}

static int
prune(struct work *w, bool dry, struct err *err)
{
	struct prune p = { .dry = dry };
	int rc;

	if (work_join(w, err) == -1 || repo_is_made(w->repo.db, err) == -1 ||
	    asked_open(&w->repo, &w->farm, err) == -1)
		return -1;
	if (!dry && w->lock == -1) {
		auto_fd int run = farm_dir(&w->farm, "run", err);

		if (run == -1 || prune_ask(&w->repo, err) == -1)
			return -1;
		wake_send(run, "tuf");
		printf("asked the running kiln-tuf to prune\n");
		return 0;
	}
	rc = prune_tree(&w->repo, &p, err);
	if (rc == 0)
		print(&p);
	prune_release(&p);
	return rc;
}

int
cmd_prune(int argc, char **argv)
{
	static const struct option options[] = {
		{ "state", required_argument, NULL, 's' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	struct work w = WORK_INIT;
	struct err err = ERR_INIT;
	bool dry = false;
	int c, rc = -1;

	while ((c = getopt_long(argc, argv, "s:n", options, NULL)) != -1) {
		if (c == 's')
			w.state = optarg;
		else if (c == 'n')
			dry = true;
		else
			return cli_usage(WHERE, "see --help");
	}
	if (optind != argc)
		return cli_usage(WHERE, "it takes no argument");
	w.keyless = true;
	if (work_enter(&w, false, &err) == 0)
		rc = prune(&w, dry, &err);
	work_release(&w);
	return rc == 0 ? EXIT_DONE : cli_fail(WHERE, &err, false);
}
