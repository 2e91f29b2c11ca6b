/* kiln backup, kiln restore: a farm elsewhere, and again.  Both stay what they
 * were started as: keys belong to several users. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "builder/bake/turn.h"
#include "builder/cli/ask.h"
#include "builder/cli/cmd.h"
#include "builder/keep/backup.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"

#define TURN_MS (10 * 60 * 1000)
#define KEEP 7
#define KEEP_MAX 10000

struct order {
	const char *state, *folder, *at, *keeps;
	int64_t keep;
	bool list, json;
};

static double
mib(int64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static void
said(const struct backup *b, const char *what)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K%" PRId64 " files, %.1f MiB: %.60s",
		    b->files, mib(b->bytes), what);
}

static void
clear_line(void)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
}

static void
print(const json_t *j)
{
	auto_buf struct buf text = BUF_INIT;

	js_text(j, true, &text);
	printf("%s\n", text.data);
}

/* Nobody removes from the store while we read it. */
static int
take_turn(const struct farm *farm, int *turn, struct err *err)
{
	auto_fd int work = farm_dir(farm, "work", err);

	/* Where no builder has ever run nobody removes anything. */
	if (work == -1 || !file_exists_at(work, "turn")) {
		err_clear(err);
		return 0;
	}
	*turn = turn_take(work, 0, NULL, err);
	if (*turn != -1 || err->cls != ERR_BUSY)
		return *turn == -1 ? -1 : 0;
	fprintf(stderr, "kiln backup: %s; waiting for its end\n", err->msg);
	err_clear(err);
	*turn = turn_take(work, TURN_MS, NULL, err);
	return *turn == -1 ? -1 : 0;
}

static int
list(const struct backup *b, bool json, struct err *err)
{
	auto_json json_t *all = NULL;
	const json_t *one;
	size_t i;

	if (backup_list(b, &all, err) == -1)
		return -1;
	if (json) {
		print(all);
		return 0;
	}
	json_array_foreach(all, i, one)
	{
		printf("%s\n", json_string_value(one));
	}
	return 0;
}

static int
make(struct backup *b, const struct order *o, struct err *err)
{
	struct farm farm = FARM_INIT;
	auto_fd int turn = -1;
	auto_json json_t *j = json_object();
	int64_t gone = 0;
	int ret = -1;

	b->said = said;
	if (farm_enter(&farm, o->state, NULL, false, err) == -1)
		return -1;
	if (take_turn(&farm, &turn, err) == 0 &&
	    backup_make(b, &farm, err) == 0 &&
	    backup_prune(b, o->keep, &gone, err) == 0)
		ret = 0;
	clear_line();
	farm_release(&farm);
	if (ret == -1)
		return -1;
	js_set_str(j, "at", ask_str(b->record, "at"));
	js_set_int(j, "files", b->files);
	js_set_int(j, "bytes", b->bytes);
	js_set_int(j, "new_files", b->new_files);
	js_set_int(j, "new_bytes", b->new_bytes);
	js_set_int(j, "removed_bytes", gone);
	if (o->json)
		print(j);
	else
		printf("backup %s: %" PRId64 " files, %.1f MiB; new %" PRId64
		       " files, %.1f MiB; %.1f MiB of older ones removed\n",
		    ask_str(b->record, "at"), b->files, mib(b->bytes),
		    b->new_files, mib(b->new_bytes), mib(gone));
	return 0;
}

static int
restore(struct backup *b, const struct order *o, struct err *err)
{
	const char *state = o->state ? o->state : farm_default();
	auto_json json_t *j = json_object();

	b->said = said;
	if (backup_read(b, o->at, err) == -1)
		return err_prefix(err, "%s", o->folder);
	if (backup_restore(b, state, err) == -1) {
		clear_line();
		return -1;
	}
	clear_line();
	js_set_str(j, "at", ask_str(b->record, "at"));
	js_set_str(j, "state", state);
	js_set_int(j, "files",
	    (int64_t)(json_array_size(json_object_get(b->record, "files")) +
		      json_array_size(json_object_get(b->record, "store"))));
	if (o->json)
		print(j);
	else
		printf("restored %s as of %s: %" PRId64 " files\n"
		       "If routers have seen newer metadata than that, put the "
		       "published tree from a mirror\ninto %s/tuf and run "
		       "\"kiln-tuf recover\" before anything is published.\n",
		    state, ask_str(b->record, "at"), ask_int(j, "files"),
		    state);
	return 0;
}

static int
command(int argc, char **argv, const struct cli_option *options,
    struct order *o,
    int (*run)(struct backup *, const struct order *, struct err *))
{
	char where[16];
	struct backup b = BACKUP_INIT;
	struct err err = ERR_INIT;
	bool making = run == make;
	int r = cli_options(&kiln_program, argc, argv, options);

	if (r != -1)
		return r;
	snprintf(where, sizeof(where), "kiln %.10s", argv[0]);
	if (o->keeps && num_int(o->keeps, 1, KEEP_MAX, &o->keep, &err) == -1)
		return cli_usage(where, "--keep: %s", err.msg);
	if (optind + 1 != argc)
		return cli_usage(where, "name the backup folder");
	o->folder = argv[optind];
	r = backup_open(&b, o->folder, making && !o->list, &err);
	if (r == 0)
		r = o->list ? list(&b, o->json, &err) : run(&b, o, &err);
	backup_close(&b);
	return r == -1 ? cli_fail(where, &err, o->json) : EXIT_DONE;
}

int
cmd_backup(int argc, char **argv)
{
	struct order o = { .keep = KEEP };
	const struct cli_option options[] = {
		{ "state", .text = &o.state },
		{ "keep", .text = &o.keeps },
		{ "list", .flag = &o.list },
		{ "json", .flag = &o.json },
		{ 0 },
	};

	return command(argc, argv, options, &o, make);
}

int
cmd_restore(int argc, char **argv)
{
	struct order o = { .keep = KEEP };
	const struct cli_option options[] = {
		{ "state", .text = &o.state },
		{ "at", .text = &o.at },
		{ "json", .flag = &o.json },
		{ 0 },
	};

	return command(argc, argv, options, &o, restore);
}
