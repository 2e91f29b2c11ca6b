#ifndef KILN_RECIPE_SIGN_H
#define KILN_RECIPE_SIGN_H

#include <stdbool.h>

#include "lib/attr.h"
#include "lib/err.h"

struct recipe_signing {
	const char *key;  /* NAME.key, or a pkcs11: URI */
	const char *pass; /* a file with its passphrase, or NULL */
	bool yes;	  /* do not ask */
};

/* Adds a signature to FOLDER/NAME/recipe.sig (lib/recipe_sig.h).  Does not
 * come back when all is well: kiln-tuf goes on in its place. */
int recipe_sign(const struct recipe_signing *, const char *folder,
    const char *name, struct err *) KILN_MUST;

#endif
