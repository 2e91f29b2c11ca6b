/* kiln lock: carry a lock with all its bytes from farm to farm. */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/cli/cmd.h"
#include "builder/cli/opened.h"
#include "builder/cli/outfile.h"
#include "builder/inputs/lock_json.h"
#include "builder/inputs/lock_make.h"
#include "builder/inputs/lock_tar.h"
#include "lib/farm.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define WHERE "kiln lock"

struct options {
	const char *state;
	bool json;
	const char *verb, *what, *file;
};

/* A digest, or a recipe's current lock. */
static struct lock *
find_lock(struct opened *o, const char *what, struct err *err)
{
	struct hash h;
	int r;

	if (hash_parse(&h, what))
		return lock_load(o->store, &h, err);
	r = lock_row_newest(o->db, what, &h, err);
	if (r == 0)
		err_set(err, ERR_MISSING,
		    "no recipe \"%s\" has a lock in this farm: `kiln lock "
		    "show` wants a recipe or 64 hex digits",
		    what);
	return r == 1 ? lock_load(o->store, &h, err) : NULL;
}

static void
print_packages(const char *title, const struct lock_packages *l)
{
	if (l->n)
		printf("%s: %zu packages\n", title, l->n);
	for (size_t i = 0; i < l->n; i++) {
		char hex[HASH_HEX];

		hash_hex(&l->v[i].sha256, hex);
		printf("  %-28s %-28s %-18s %.12s\n", l->v[i].name,
		    l->v[i].version, l->v[i].suite, hex);
	}
}

static void
print_upstream(const struct lock *l)
{
	char hex[HASH_HEX];

	for (size_t i = 0; i < l->git.n; i++) {
		const struct lock_git *g = &l->git.v[i];

		hash_hex(&g->sha256, hex);
		printf("git %s %s\n  commit %s, tree %s\n  %s %.12s\n", g->url,
		    g->ref, g->commit, g->tree, g->file, hex);
	}
	for (size_t i = 0; i < l->files.n; i++) {
		hash_hex(&l->files.v[i].sha256, hex);
		printf("file %s\n  %s %.12s\n", l->files.v[i].url,
		    l->files.v[i].file, hex);
	}
}

static int
show(const struct options *opt, struct err *err)
{
	auto_opened struct opened o = OPENED_INIT;
	auto_lock struct lock *l = NULL;
	char hex[HASH_HEX];

	if (farm_enter(&o.farm, opt->state, NULL, false, err) == -1 ||
	    drop_to(ROLE_CLI, err) == -1 ||
	    opened_parts(&o, false, err) == -1 ||
	    !(l = find_lock(&o, opt->what, err)))
		return -1;
	if (opt->json) {
		auto_json json_t *j = lock_json(l);
		auto_buf struct buf text = BUF_INIT;

		js_text(j, true, &text);
		puts(text.data);
		return 0;
	}
	hash_hex(&l->digest, hex);
	printf("lock %s\nrecipe %s, %s\n", hex, l->recipe, l->arch);
	for (size_t i = 0; i < l->nsuites; i++) {
		hash_hex(&l->suites[i].inrelease, hex);
		printf("suite %s, InRelease %s\n", l->suites[i].name, hex);
	}
	print_packages("build", &l->build);
	print_packages("image", &l->image);
	if (l->sources.n)
		printf("sources: %zu files\n", l->sources.n);
	for (size_t i = 0; i < l->sources.n; i++)
		printf(
		    "  %s %s\n", l->sources.v[i].suite, l->sources.v[i].file);
	print_upstream(l);
	if (lock_complete(o.store, l, err) == -1)
		return -1;
	puts("complete: every byte is in the store");
	return 0;
}

/* In the child, which has no right but reading the farm. */
static int
write_tar(void *arg, int fd, struct err *err)
{
	const struct options *opt = arg;
	auto_opened struct opened o = OPENED_INIT;
	auto_lock struct lock *l = NULL;

	if (farm_enter(&o.farm, opt->state, NULL, false, err) == -1 ||
	    drop_to(ROLE_CLI, err) == -1 ||
	    opened_parts(&o, false, err) == -1 ||
	    !(l = find_lock(&o, opt->what, err)))
		return -1;
	return lock_tar_write(o.store, l, fd, err);
}

static int
import_locked(struct opened *o, struct workers *ws, int fd, struct err *err)
{
	auto_apt struct apt_sources sources = APT_SOURCES_INIT;
	struct err no_sources = ERR_INIT;
	auto_lock struct lock *l = NULL;
	struct deb_archive a;
	char hex[HASH_HEX];

	/* They only say by which keyring a suite is judged. */
	if (apt_sources_read(&sources, NULL, &no_sources) == -1)
		fprintf(stderr, WHERE ": %s: judging by Debian's keyring\n",
		    no_sources.msg);
	a = (struct deb_archive){ .db = o->db,
		.store = o->store,
		.workers = ws,
		.sources = &sources,
		.tmpdir = o->work,
		.gitdir = -1 };
	l = lock_tar_read(o->store, fd, o->work, err);
	if (!l || lock_accept(&a, l, err) == -1)
		return -1;
	hash_hex(&l->digest, hex);
	printf("%s\n", hex);
	return 0;
}

static int
import(const struct options *opt, struct err *err)
{
	auto_opened struct opened o = OPENED_INIT;
	auto_workers struct workers ws = WORKERS_INIT;
	auto_fd int fd = open(opt->what, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return err_sys(err, "%s", opt->what);
	/* The workers take uids of their own while there is still root. */
	if (farm_enter(&o.farm, opt->state, NULL, true, err) == -1 ||
	    workers_start(&ws, err) == -1 || drop_to(ROLE_BUILDER, err) == -1 ||
	    opened_parts(&o, true, err) == -1)
		return -1;
	return import_locked(&o, &ws, fd, err);
}

static int
run(struct options *opt, struct err *err)
{
	if (strcmp(opt->verb, "export") == 0)
		return outfile_write(
		    opt->file, write_tar, opt, WHERE, opt->json, err);
	if (strcmp(opt->verb, "import") == 0)
		return import(opt, err);
	return show(opt, err);
}

int
cmd_lock(int argc, char **argv)
{
	struct options opt = { 0 };
	struct err err = ERR_INIT;
	int n;
	const struct cli_option options[] = {
		{ "state", .text = &opt.state },
		{ "json", .flag = &opt.json },
		{ 0 },
	};
	int r = cli_options(&kiln_program, argc, argv, options);

	if (r != -1)
		return r;
	n = argc - optind;
	opt.verb = n > 0 ? argv[optind] : "";
	opt.what = n > 1 ? argv[optind + 1] : NULL;
	opt.file = n > 2 ? argv[optind + 2] : NULL;
	if (!(strcmp(opt.verb, "export") == 0 && n == 3) &&
	    !(strcmp(opt.verb, "import") == 0 && n == 2) &&
	    !(strcmp(opt.verb, "show") == 0 && n == 2))
		return cli_usage(WHERE,
		    "it is `export RECIPE FILE`, `import FILE` or `show "
		    "RECIPE|DIGEST`");
	r = run(&opt, &err);
	return r == -1 ? cli_fail(WHERE, &err, opt.json) : r;
}
