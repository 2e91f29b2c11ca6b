#include "lib/recipe_sig.h"

#include <string.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

#define KIND "kiln/recipe-signature"
#define PREFIX "kiln/recipe\n"

void
recipe_sig_release(struct recipe_sig *s)
{
	json_decref(s->tree);
	*s = (struct recipe_sig)RECIPE_SIG_INIT;
}

/* --- the list of files ---------------------------------------------------- */

int
recipe_tree_check(const char *what, const json_t *tree, struct err *err)
{
	static const char *const keys[] = { "kind", "v", "recipe", "files",
		NULL };
	static const char *const file_keys[] = { "path", "x", "sha256", NULL };
	const char *kind, *recipe, *path;
	json_t *files, *one;
	struct hash h;
	int64_t v;
	size_t i;

	if (js_only(what, tree, keys, err) == -1 ||
	    js_str(what, tree, "kind", &kind, err) == -1 ||
	    js_int(what, tree, "v", 1, 1, &v, err) == -1 ||
	    js_str(what, tree, "recipe", &recipe, err) == -1 ||
	    js_array(what, tree, "files", &files, err) == -1)
		return -1;
	if (strcmp(kind, RECIPE_TREE_KIND) != 0 || !name_ok(recipe))
		return err_set(
		    err, ERR_INPUT, "%s: no " RECIPE_TREE_KIND, what);
	json_array_foreach(files, i, one)
	{
		if (js_only(what, one, file_keys, err) == -1 ||
		    js_str(what, one, "path", &path, err) == -1 ||
		    js_hash(what, one, "sha256", &h, err) == -1)
			return -1;
		if (!path_ok(path) ||
		    !json_is_boolean(json_object_get(one, "x")))
			return err_set(err, ERR_INPUT,
			    "%s: files: entry %zu is no file", what, i + 1);
	}
	return 0;
}

/* --- the file ------------------------------------------------------------- */

static int
read_one(const char *what, const json_t *j, struct recipe_signature *s,
    struct err *err)
{
	static const char *const keys[] = { "key", "sig", NULL };
	const char *key, *sig;

	if (js_only(what, j, keys, err) == -1 ||
	    js_str(what, j, "key", &key, err) == -1 ||
	    js_str(what, j, "sig", &sig, err) == -1)
		return -1;
	if (!hex_decode(s->key.b, sizeof(s->key.b), key, strlen(key)) ||
	    !hex_decode(s->sig.b, sizeof(s->sig.b), sig, strlen(sig)))
		return err_set(
		    err, ERR_INPUT, "%s: key and sig are lower-case hex", what);
	return 0;
}

int
recipe_sig_read(struct recipe_sig *s, const char *what, const void *p, size_t n,
    struct err *err)
{
	static const char *const keys[] = { "kind", "v", "tree", "signatures",
		NULL };
	auto_json json_t *j = js_record(what, KIND, 1, p, n, err);
	json_t *tree, *list;

	*s = (struct recipe_sig)RECIPE_SIG_INIT;
	if (!j || js_only(what, j, keys, err) == -1 ||
	    js_object(what, j, "tree", &tree, err) == -1 ||
	    recipe_tree_check(what, tree, err) == -1 ||
	    js_array(what, j, "signatures", &list, err) == -1)
		return -1;
	if (json_array_size(list) > RECIPE_SIGS_MAX)
		return err_set(err, ERR_INPUT, "%s: more than %d signatures",
		    what, RECIPE_SIGS_MAX);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (read_one(what, json_array_get(list, i), &s->v[i], err) ==
		    -1)
			return -1;
	s->n = json_array_size(list);
	s->tree = json_incref(tree);
	return 0;
}

int
recipe_sig_write(const struct recipe_sig *s, struct buf *out, struct err *err)
{
	auto_json json_t *j = js_record_new(KIND, 1);
	json_t *list = json_array();

	for (size_t i = 0; i < s->n; i++) {
		json_t *one = json_object();
		char key[KEY_HEX], sig[SIG_HEX];

		hex_encode(key, s->v[i].key.b, sizeof(s->v[i].key.b));
		hex_encode(sig, s->v[i].sig.b, sizeof(s->v[i].sig.b));
		js_set_str(one, "key", key);
		js_set_str(one, "sig", sig);
		json_array_append_new(list, one);
	}
	js_set(j, "tree", json_incref(s->tree));
	js_set(j, "signatures", list);
	if (canon_json(j, out, err) == -1)
		return -1;
	buf_char(out, '\n');
	return 0;
}

int
recipe_sig_text(const json_t *tree, struct buf *out, struct err *err)
{
	buf_str(out, PREFIX);
	return canon_json(tree, out, err);
}

int
recipe_sig_add(
    struct recipe_sig *s, const struct recipe_signature *one, struct err *err)
{
	size_t i = 0;

	while (i < s->n &&
	       memcmp(s->v[i].key.b, one->key.b, sizeof(one->key.b)) != 0)
		i++;
	if (i == RECIPE_SIGS_MAX)
		return err_set(
		    err, ERR_INPUT, "more than %d signatures", RECIPE_SIGS_MAX);
	s->v[i] = *one;
	s->n += i == s->n;
	return 0;
}

/* --- the judgement -------------------------------------------------------- */

static const json_t *
file_of(const json_t *tree, const char *path)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(tree, "files"), i, one)
	{
		const char *p = json_string_value(json_object_get(one, "path"));

		if (p && strcmp(p, path) == 0)
			return one;
	}
	return NULL;
}

/* The first file of `a` that is not the same in `b`. */
static const char *
changed(const json_t *a, const json_t *b)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(a, "files"), i, one)
	{
		const char *path =
		    json_string_value(json_object_get(one, "path"));
		const json_t *other = file_of(b, path);

		if (!other || !json_equal(one, other))
			return path;
	}
	return NULL;
}

int
recipe_sig_judge(const json_t *tree, const struct recipe_sig *file,
    const struct sig_public *keys, size_t nkeys, struct err *err)
{
	const char *name = json_string_value(json_object_get(tree, "recipe"));
	auto_buf struct buf text = BUF_INIT;
	const char *path;

	if (!file)
		return err_set(err, ERR_TRUST,
		    "recipe %s: no maintainer has signed it", name);
	if (!json_equal(tree, file->tree)) {
		path = changed(tree, file->tree);
		if (!path)
			path = changed(file->tree, tree);
		return err_set(err, ERR_TRUST,
		    "recipe %s: %s is not what its maintainer signed", name,
		    path ? path : "its name");
	}
	if (recipe_sig_text(tree, &text, err) == -1)
		return -1;
	for (size_t i = 0; i < file->n; i++)
		for (size_t k = 0; k < nkeys; k++)
			if (memcmp(file->v[i].key.b, keys[k].b,
				sizeof(keys[k].b)) == 0 &&
			    sig_verify(
				&keys[k], text.data, text.len, &file->v[i].sig))
				return 0;
	return err_set(err, ERR_TRUST,
	    "recipe %s: none of its signatures is a good one by a maintainer"
	    " of the list here",
	    name);
}
