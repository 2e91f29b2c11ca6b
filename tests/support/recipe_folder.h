/*
 * Recipes below a scratch folder, written by a test and read as the builder
 * reads them.  Fixtures of each test: scratch_setup, recipes_teardown.
 */
#ifndef KILN_TEST_RECIPE_FOLDER_H
#define KILN_TEST_RECIPE_FOLDER_H

#include "builder/plan/recipe.h"
#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/own.h"
#include "tests/support/scratch.h"

static struct recipes all;
static struct err err;

static void KILN_UNUSED
put(const char *path, const char *text)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir = strndup(path, (size_t)(slash - path));
	int fd = dir_make_at(scratch.fd, dir, 0755, &err);

	assert_true(fd != -1);
	close(fd);
	assert_int_equal(
	    file_write_at(scratch.fd, path, text, strlen(text), 0644, &err), 0);
}

/* A good recipe, with lines replaced: "key: …" in `more` wins. */
static void KILN_UNUSED
recipe(const char *name, const char *more)
{
	static const char *const lines[] = { "kind: source", "summary: s",
		"suites: [bookworm]",
		"build: {packages: [gcc], script: build.sh}",
		"outputs: [out]" };
	auto_buf struct buf b = BUF_INIT;
	auto_free char *path = NULL, *script = NULL;

	buf_printf(&b, "name: %s\n", name);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		size_t key = strcspn(lines[i], ":") + 1;
		auto_free char *start = strndup(lines[i], key);
		auto_free char *later = NULL;

		if (asprintf(&later, "\n%s", start) == -1)
			fail();
		if (strncmp(more, start, key) != 0 && !strstr(more, later))
			buf_printf(&b, "%s\n", lines[i]);
	}
	buf_str(&b, more);
	if (asprintf(&path, "%s/recipe.yaml", name) == -1 ||
	    asprintf(&script, "%s/build.sh", name) == -1)
		fail();
	put(path, b.data);
	put(script, "true\n");
}

static void KILN_UNUSED
load(void)
{
	recipes_release(&all);
	if (recipes_load(scratch.fd, NULL, &all, &err) == -1)
		fail_msg("%s", err.msg);
}

static KILN_UNUSED const char *
error_of(const char *name)
{
	const struct recipe *r = recipes_find(&all, name);

	assert_non_null(r);
	return r->error ? r->error : "";
}

static void KILN_UNUSED
held(const char *more, const char *text)
{
	recipe("one", more);
	load();
	if (!strstr(error_of("one"), text))
		fail_msg("\"%s\" lacks \"%s\"", error_of("one"), text);
}

static int KILN_UNUSED
recipes_teardown(void **state)
{
	recipes_release(&all);
	return scratch_teardown(state);
}

#endif
