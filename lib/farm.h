/*
 * The folder of a farm (docs/formats.md) and who owns what in it.
 *
 * As root, farm_enter() first makes a private mount namespace in which the
 * folder appears as /run/kiln/state, so that programs under uids of their own
 * reach it even below a closed home directory; `path` is then that name.  A
 * child that is given that name is inside already and stays there.
 */
#ifndef KILN_FARM_H
#define KILN_FARM_H

#include <stdbool.h>

#include "lib/attr.h"
#include "lib/drop.h"
#include "lib/err.h"

struct farm {
	int dirfd;     /* the folder itself */
	char *path;    /* absolute, reachable by every role */
	char *shown;   /* as the operator wrote it: for messages */
	char *recipes; /* absolute, reachable; NULL when there is none */
	char *bin;     /* absolute, reachable: the folder of our programs */
};
#define FARM_INIT           \
	{                   \
		.dirfd = -1 \
	}

/* $KILN_STATE, else ./var in a checkout (a folder with recipes/ in it), else
 * /var/lib/kiln. */
const char *farm_default(void);
/* $KILN_RECIPES, else ./recipes in a checkout, else /etc/kiln/recipes, else
 * those installed with kiln (PREFIX/share/kiln/recipes). */
const char *farm_default_recipes(void);
/*
 * Opens (makes, if `create`) the folder and everything in it, gives each part
 * to its owner, and pre-creates the databases' files so that nobody needs to
 * write in the folder itself.  Call before drop_to().  `state` and `recipes`
 * may be NULL for the defaults; default recipes may be absent, named ones not.
 * Without `create` nothing is made or changed, and a missing folder is
 * ERR_MISSING.  A part that has something in it and belongs to somebody else
 * is ERR_INPUT: kiln takes no foreign files over.
 */
int farm_enter(struct farm *, const char *state, const char *recipes,
    bool create, struct err *) KILN_MUST;
void farm_release(struct farm *);
/* A folder of the layout: "store", "env", "tuf/metadata" … */
int farm_dir(const struct farm *, const char *name, struct err *) KILN_MUST;
/* "PATH/farm.db": free it. */
char *farm_file(const struct farm *, const char *name) KILN_MUST;

#endif
