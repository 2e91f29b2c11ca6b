/* The operator's kiln.yaml, as far as the builder goes: kiln.yaml(5). */
#ifndef KILN_SETTINGS_H
#define KILN_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "builder/exec/remote.h"
#include "builder/inputs/apt.h"
#include "builder/inputs/archive.h"
#include "builder/keep/rules.h"
#include "builder/plan/recipe.h"
#include "lib/attr.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/sig.h"

/* Recipes in a repository; borrows from the conf. */
struct settings_repo {
	const char *url, *ref;
	const char *folder; /* "": its top */
};

struct settings {
	struct conf *conf;    /* NULL: there is no file, all is as below */
	int64_t poll, jitter; /* seconds between two looks at the archive */
	int64_t jobs;	      /* 0: as many as processors */
	int64_t memory, cpus; /* of all runs at a time; 0: by the machine */
	struct keep_rules keep;
	int64_t audit;	    /* percent of skipped plans; -1: not said */
	struct strs arches; /* to bake for, beside the machine's own */
	struct settings_repo *repos; /* none: the plain folder */
	size_t nrepos;
	struct exec_conf exec;
	struct archive_secret *secrets;
	size_t nsecrets;
	/* Of a doubter: whom to ask, what root to judge by; or NULL. */
	const char *from, *root;
	/* Who must have signed the recipes of what a rebuilder signs. */
	struct sig_public *maintainers;
	size_t nmaintainers;
};

/* `path` NULL: kiln.yaml of the farm's folder, else /etc/kiln/kiln.yaml, else
 * the defaults.  A named file has to be there. */
int settings_read(
    struct settings *, int farm, const char *path, struct err *) KILN_MUST;
void settings_release(struct settings *);
/* Suites are, unless the file says otherwise. */
bool settings_suite_enabled(const struct settings *, const char *suite);
/* The file's mirrors, if it names any, else this machine's own apt sources;
 * the file's proxy, if it names one. */
int settings_sources(
    const struct settings *, struct apt_sources *, struct err *) KILN_MUST;

#endif
