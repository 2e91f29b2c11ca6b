/*
 * `kiln-tuf sign-recipe`: a maintainer's signature over the files of a recipe,
 * added to its recipe.sig.  Needs no farm; `kiln recipe sign` lists the files.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/recipe_sig.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/own_key.h"
#include "tuf-repo/rite.h"

#define WHERE "kiln-tuf sign-recipe"

static int
read_tree(const char *path, json_t **tree, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (file_read(path, RECIPE_SIG_MAX, &text, err) == -1)
		return -1;
	*tree = js_record(path, RECIPE_TREE_KIND, 1, text.data, text.len, err);
	return *tree ? recipe_tree_check(path, *tree, err) : -1;
}

/* Signatures over the same files stay; those over others are worth nothing. */
static int
read_others(
    const char *path, const json_t *tree, struct recipe_sig *s, struct err *err)
{
	auto_recipe_sig struct recipe_sig had = RECIPE_SIG_INIT;
	auto_buf struct buf text = BUF_INIT;

	*s = (struct recipe_sig){ .tree = json_incref((json_t *)tree) };
	if (file_read(path, RECIPE_SIG_MAX, &text, err) == -1) {
		if (err->cls != ERR_MISSING)
			return -1;
		err_clear(err);
		return 0;
	}
	if (recipe_sig_read(&had, path, text.data, text.len, err) == -1)
		return -1;
	if (!json_equal(had.tree, tree))
		return 0;
	memcpy(s->v, had.v, sizeof(s->v));
	s->n = had.n;
	return 0;
}

static int
sign(struct own_key *o, const char *path, struct err *err)
{
	auto_recipe_sig struct recipe_sig s = RECIPE_SIG_INIT;
	auto_buf struct buf text = BUF_INIT, file = BUF_INIT;
	auto_json json_t *tree = NULL;
	struct recipe_signature one;
	const json_t *f;
	size_t i;

	if (read_tree(path, &tree, err) == -1 ||
	    read_others(o->out, tree, &s, err) == -1 ||
	    recipe_sig_text(tree, &text, err) == -1)
		return -1;
	printf(
	    "recipe %s:\n", json_string_value(json_object_get(tree, "recipe")));
	json_array_foreach(json_object_get(tree, "files"), i, f) printf(
	    "  %.12s %s\n", json_string_value(json_object_get(f, "sha256")),
	    json_string_value(json_object_get(f, "path")));
	printf("You say with it that you have read these files, and that they"
	       " may be built.\n");
	if (rite_confirm(o->yes, err) == -1 ||
	    own_key_sign(o, &text, &one.key, &one.sig, err) == -1 ||
	    recipe_sig_add(&s, &one, err) == -1 ||
	    recipe_sig_write(&s, &file, err) == -1)
		return -1;
	return rite_write(o->out, &file, err);
}

int
cmd_sign_recipe(int argc, char **argv)
{
	auto_own_key struct own_key o = OWN_KEY_INIT;
	struct err err = ERR_INIT;
	int rc = own_key_options(
	    &o, WHERE, argc, argv, 1, "say --key, --out and the list of files");

	if (rc != 0)
		return rc;
	rc = sign(&o, argv[optind], &err);
	return rc == 0 ? EXIT_DONE : cli_fail(WHERE, &err, false);
}
