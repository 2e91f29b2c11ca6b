/*
 * A maintainer's signature over a recipe: recipe.sig beside recipe.yaml
 * (docs/formats.md, "recipe-tree").  It holds the list of files that was
 * signed, so that who refuses another can name the file that was changed.
 *
 * Signed is "kiln/recipe", a newline and the canonical kiln/recipe-tree: no
 * other text that kiln signs begins so.
 */
#ifndef KILN_RECIPE_SIG_H
#define KILN_RECIPE_SIG_H

#include <stddef.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/sig.h"

#define RECIPE_SIG_FILE "recipe.sig"
#define RECIPE_SIG_MAX ((size_t)1 << 20)
#define RECIPE_SIGS_MAX 32 /* of one file */
#define RECIPE_TREE_KIND "kiln/recipe-tree"

struct recipe_signature {
	struct sig_public key;
	struct sig sig;
};

struct recipe_sig {
	json_t *tree; /* owned: kiln/recipe-tree, of no version but this one */
	struct recipe_signature v[RECIPE_SIGS_MAX];
	size_t n;
};
#define RECIPE_SIG_INIT      \
	{                    \
		.tree = NULL \
	}
void recipe_sig_release(struct recipe_sig *);
#define auto_recipe_sig __attribute__((cleanup(recipe_sig_release)))

/* Strict; whether a signature is good is not looked at. */
int recipe_sig_read(struct recipe_sig *, const char *what, const void *, size_t,
    struct err *) KILN_MUST;
/* Canonical, and a newline. */
int recipe_sig_write(
    const struct recipe_sig *, struct buf *, struct err *) KILN_MUST;
/* A kiln/recipe-tree with its name and its list of files. */
int recipe_tree_check(
    const char *what, const json_t *tree, struct err *) KILN_MUST;

/* What is signed of a tree. */
int recipe_sig_text(const json_t *tree, struct buf *, struct err *) KILN_MUST;
/* Replaces what that key signed before.  ERR_INPUT: there are too many. */
int recipe_sig_add(struct recipe_sig *, const struct recipe_signature *,
    struct err *) KILN_MUST;
/*
 * Is this tree, and no other, signed by one of these keys?  `file` NULL: there
 * is no signature.  ERR_TRUST says what is missing: a signature, one by a key
 * of the list, or which file is another.
 */
int recipe_sig_judge(const json_t *tree, const struct recipe_sig *file,
    const struct sig_public *keys, size_t nkeys, struct err *) KILN_MUST;

#endif
