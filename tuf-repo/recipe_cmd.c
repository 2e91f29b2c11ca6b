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
#include "tuf-repo/keysign.h"
#include "tuf-repo/rite.h"

#define WHERE "kiln-tuf sign-recipe"

struct signing {
	const char *key, *out;
	bool yes;
	struct key_access access;
};

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
sign_with(struct signing *o, const struct buf *text,
    struct recipe_signature *one, struct err *err)
{
	const char *base;
	auto_free char *name = NULL;

	if (strncmp(o->key, "pkcs11:", 7) == 0)
		return key_token_sign(
		    o->key, &o->access, text, &one->key, &one->sig, err);
	auto_fd int dir = rite_parent(o->key, &base, err);
	if (dir == -1)
		return -1;
	if (strlen(base) < 5 || strcmp(base + strlen(base) - 4, ".key") != 0)
		return err_set(err, ERR_INPUT, "%s: not NAME.key", o->key);
	name = mem_strn(base, strlen(base) - 4);
	return key_sign(dir, name, &o->access, text, &one->key, &one->sig, err);
}

static int
sign(struct signing *o, const char *path, struct err *err)
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
	    sign_with(o, &text, &one, err) == -1 ||
	    recipe_sig_add(&s, &one, err) == -1 ||
	    recipe_sig_write(&s, &file, err) == -1)
		return -1;
	return rite_write(o->out, &file, err);
}

int
cmd_sign_recipe(int argc, char **argv)
{
	static const struct option options[] = {
		KEY_OPTIONS,
		{ "key", required_argument, NULL, 'k' },
		{ "out", required_argument, NULL, 'o' },
		{ "yes", no_argument, NULL, 'y' },
		{ NULL, 0, NULL, 0 },
	};
	struct signing o = { .access = KEY_ACCESS_INIT };
	struct err err = ERR_INIT;
	int c, rc = 0;

	while (rc == 0 &&
	       (c = getopt_long(argc, argv, "k:o:y", options, NULL)) != -1) {
		if (c == 'k')
			o.key = optarg;
		else if (c == 'o')
			o.out = optarg;
		else if (c == 'y')
			o.yes = true;
		else if (!key_access_option(&o.access, WHERE, c, &rc))
			rc = cli_usage(WHERE, "see --help");
	}
	if (rc != 0)
		return rc;
	if (argc - optind != 1 || !o.key || !o.out)
		return cli_usage(
		    WHERE, "say --key, --out and the list of files");
	rc = sign(&o, argv[optind], &err);
	key_access_release(&o.access);
	return rc == 0 ? EXIT_DONE : cli_fail(WHERE, &err, false);
}
