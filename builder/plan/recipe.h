/*
 * What the maintainer wants: recipes/NAME/recipe.yaml and the files beside
 * it (docs/formats.md, kiln-recipe(5)).
 *
 * All recipes are loaded together, since they use each other.  One that is
 * wrong has `error` set and holds itself and those that use it; the others go
 * on.
 */
#ifndef KILN_RECIPE_H
#define KILN_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "builder/inputs/upstream.h"
#include "lib/attr.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/store.h"

/* What a plan calls the recipe it is of, so no recipe may have that name. */
#define PLAN_OWN "self"

enum recipe_kind {
	RECIPE_SOURCE, /* compiled */
	RECIPE_REPACK, /* files picked from packages: no build */
	RECIPE_IMAGE,  /* put together from outputs of others: no build */
	RECIPE_KERNEL, /* its outputs vmlinuz and initrd are published */
	RECIPE_AGENT,  /* its one output is published: the agent's program */
	RECIPE_SOLO5,  /* its one output is published: a unikernel */
};
const char *recipe_kind_name(enum recipe_kind);

enum recipe_stage { STAGE_BUILD, STAGE_IMAGE, STAGE_COUNT };
const char *recipe_stage_name(enum recipe_stage); /* "build", "image" */

struct strs {
	const char **v; /* borrowed from the conf */
	size_t n;
};

struct recipe_file { /* of its folder; sorted by path */
	char *path;
	bool x;
	struct hash sha256;
};

struct recipe_use {
	const char *recipe; /* as written */
	const char *from;   /* whose outputs these are: a recipe's name */
	struct strs outputs;
};

enum from {
	FROM_OUTPUT, /* of its own build */
	FROM_USE,    /* RECIPE/OUTPUT */
	FROM_ENV,    /* a path in the image's environment */
	FROM_RECIPE, /* a file of its folder */
	FROM_DIR,    /* an empty folder */
	FROM_LINK,   /* a symbolic link */
};

struct image_file {
	const char *path; /* in the image, absolute */
	const char *from; /* as written, "output:dnsmasq" */
	enum from type;
	const char *what; /* behind the colon */
	const char *mode; /* "0755" */
};

struct budget {
	int64_t memory, wall, log, output; /* bytes; seconds */
	int64_t image;			   /* bytes; 0: as output */
};

struct recipe {
	/* The folder's; "NAME.ARCH" where it is built for another architecture
	 * than the machine's beside that. */
	char *name;
	char *folder;	  /* what recipe.yaml calls it, and the service */
	const char *arch; /* what it is built for, Debian's name … */
	const char *on;	  /* … and where, if that is another; or NULL */
	char *origin; /* "URL COMMIT" of a repository; NULL: a plain folder */
	char *error; /* why it is held, or NULL; then only `name`, `tree_digest`
		      * and what follows up to `conf` may be used */
	bool own_error; /* its own mistake, not that of one it uses */
	bool lacking;	/* nothing is wrong: a file of build.files is not laid
			 * there */
	struct hash tree_digest;
	struct recipe_file *tree;
	size_t ntree;
	bool is_signed; /* there is a recipe.sig, well formed: */
	struct hash signature;
	struct conf *conf; /* NULL when it could not be read */

	struct strs arches; /* those it names */
	char **made;	    /* strings that others borrow */
	size_t nmade;
	enum recipe_kind kind;
	const char *summary;
	const char *upstream; /* NULL: no version is shown */
	int64_t clock;
	struct strs suites;
	bool has_build, has_image; /* which plans there are */
	struct strs packages[STAGE_COUNT];
	const char *script;
	const char *machine, *cmdline; /* RECIPE_KERNEL */
	struct image_file *files;
	size_t nfiles;
	struct strs sources;	  /* Debian's */
	struct upstream_git *git; /* borrow from the conf */
	size_t ngit;
	struct upstream_file *fetched;
	size_t nfetched;
	struct recipe_use *uses;
	size_t nuses;
	struct strs outputs;
	struct strs needs, provides, ports;
	const char *handover, *configure; /* configure: NULL or a path */
	int64_t memory;			  /* of the guest; 0: not given */
	struct budget budget;
};

struct recipes {
	struct recipe *v; /* sorted by name */
	size_t n;
	size_t *order; /* indexes: users after those they use, see graph.h */
};

/*
 * Every folder with a recipe.yaml below dirfd, for this machine's own
 * architecture.  With a store the files of each recipe are put there, so that
 * later changes of the folder do no harm.
 * Not 0 only for what concerns all: the folder cannot be read.
 */
int recipes_load(
    int dirfd, struct store *, struct recipes *, struct err *) KILN_MUST;
/* The same of several; a name that is in two of them is held.  `more`: other
 * architectures, for which those recipes come again that name them. */
struct recipe_folder {
	int dirfd;
	const char
	    *origin; /* becomes that of its recipes; NULL: a plain folder */
};
int recipes_load_from(const struct recipe_folder *, size_t,
    const struct strs *more, struct store *, struct recipes *,
    struct err *) KILN_MUST;
void recipes_release(struct recipes *);
struct recipe *recipes_find(const struct recipes *, const char *name);
/* Sets `error` (the first stays). */
void recipe_hold(struct recipe *, bool own, const char *fmt, ...)
    KILN_PRINTF(3, 4);

/* Does this recipe end in something that is published? */
bool recipe_is_service(const struct recipe *);
/* The service's name: the folder's, "kernel" of a kernel, "kiln-agent" of an
 * agent. */
const char *recipe_service(const struct recipe *);
/* Are both released as the same service for the same architecture?  Routers
 * get only one of them then. */
bool recipe_same_service(const struct recipe *, const struct recipe *);
/* kiln/probe records and volumes as they enter a release: new references. */
json_t *recipe_probes(const struct recipe *);
json_t *recipe_volumes(const struct recipe *);
/* What its configuration may say, {"PATH":"TYPE"} (lib/conf_schema.h): new
 * reference, or NULL. */
json_t *recipe_config(const struct recipe *);
bool strs_has(const struct strs *, const char *);

#endif
