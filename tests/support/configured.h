/*
 * What the tests of configure programs share.  CONFIGURE, defined before this
 * is included, is the recipe's function, a guest_make_fn.  CONFIGURED, if there
 * is one file that most tests look into, is its path: has() and says() are of
 * it.
 */
#ifndef KILN_TEST_CONFIGURED_H
#define KILN_TEST_CONFIGURED_H

#include <stdbool.h>
#include <string.h>

#include "lib/attr.h"
#include "recipes/guest-init/files.h"

/* The caller's. */
static json_t *KILN_UNUSED
parsed(const char *config)
{
	struct fault f = { "" };
	json_t *j = guest_json("config", config, strlen(config), &f);

	if (j == NULL)
		fail_msg("%s", f.text);
	return j;
}

/* A configuration that is taken; the files are the caller's. */
static void KILN_UNUSED
configured(const char *config, struct guest_files *files)
{
	auto_json json_t *j = parsed(config);
	struct fault f = { "" };

	files->n = 0;
	if (CONFIGURE(j, files, &f) == -1)
		fail_msg("%s", f.text);
}

static const struct guest_file *KILN_UNUSED
file_at(const struct guest_files *files, const char *path)
{
	size_t i;

	for (i = 0; i < files->n; i++) {
		if (strcmp(files->at[i].path, path) == 0)
			return &files->at[i];
	}
	fail_msg("no file %s", path);
	return NULL;
}

/* Whether the file has that line, or without "\n" that part of one. */
static bool KILN_UNUSED
says_at(const char *config, const char *path, const char *text)
{
	struct guest_files files;
	bool found;

	configured(config, &files);
	found = strstr(file_at(&files, path)->text, text) != NULL;
	guest_files_release(&files);
	return found;
}

/* The same, and what there is instead is shown. */
static void KILN_UNUSED
has_at(const char *config, const char *path, const char *text)
{
	struct guest_files files;
	const struct guest_file *file;

	configured(config, &files);
	file = file_at(&files, path);
	if (strstr(file->text, text) == NULL)
		fail_msg("no \"%s\" in %s", text, file->text);
	guest_files_release(&files);
}

#ifdef CONFIGURED
static bool KILN_UNUSED
says(const char *config, const char *text)
{
	return says_at(config, CONFIGURED, text);
}

static void KILN_UNUSED
has(const char *config, const char *text)
{
	has_at(config, CONFIGURED, text);
}
#endif

static void KILN_UNUSED
refuses(const char *config, const char *why)
{
	auto_json json_t *j = parsed(config);
	struct guest_files files;
	struct fault f = { "" };

	files.n = 0;
	assert_int_equal(CONFIGURE(j, &files, &f), -1);
	if (strstr(f.text, why) == NULL)
		fail_msg("expected \"%s\" in \"%s\"", why, f.text);
	guest_files_release(&files);
}

#endif
