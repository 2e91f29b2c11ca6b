/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
/* Each recipe's options beside its own configure program: what that reads, as
 * its tables of keys say, and nothing else. */
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "builder/plan/recipe.h"
#include "lib/conf_schema.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

static void
add(json_t *set, const char *word, size_t n)
{
	auto_free char *s = mem_strn(word, n);

	json_object_set_new(set, s, json_true());
}

/* Is it the table of the configuration, or of something that it lists?  What
 * guest_only(WHAT, …) is asked about, where that is a word. */
static bool
of_options(const char *from, const char *use, const json_t *said)
{
	static const char call[] = "guest_only(\"";
	const char *at = NULL, *end;

	for (const char *p = strstr(from, call); p && p < use;
	     p = strstr(p + 1, call))
		at = p + sizeof(call) - 1;
	end = at ? strchr(at, '"') : NULL;
	if (!end)
		return false;
	auto_free char *what = mem_strn(at, (size_t)(end - at));

	return strcmp(what, "config") == 0 || json_object_get(said, what);
}

/* The words of `… const keys[] = { "a", "b", NULL };`, each table of them that
 * guest_only() is asked with. */
static void
read_tables(const char *text, const json_t *said, json_t *words, json_t *must)
{
	static const char head[] = "static const char *const k";

	for (const char *p = strstr(text, head); p; p = strstr(p + 1, head)) {
		const char *name = p + sizeof(head) - 2, *end, *q, *use_at;
		auto_free char *use = NULL;
		bool options;

		q = strstr(name, "[] = {");
		end = q ? strstr(q, "NULL }") : NULL;
		if (!end || q - name > 5)
			continue;
		use = mem_printf(", %.*s, f)", (int)(q - name), name);
		use_at = strstr(end, use);
		assert_non_null(use_at);
		options = of_options(end, use_at, said);
		while ((q = strchr(q, '"')) && q < end) {
			const char *close = strchr(q + 1, '"');

			add(words, q + 1, (size_t)(close - q - 1));
			if (options)
				add(must, q + 1, (size_t)(close - q - 1));
			q = close + 1;
		}
	}
}

/* Programs with a main() are linked into no test, and read no configuration. */
static bool
of_no_configuration(const char *path)
{
	return strstr(path, "_main.c") != NULL;
}

static void
of_folder(const char *recipe, const json_t *said, json_t *words, json_t *must)
{
	auto_free char *pattern = mem_printf("recipes/%s/*.c", recipe);
	glob_t g;

	if (glob(pattern, 0, NULL, &g) != 0)
		return;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		auto_buf struct buf text = BUF_INIT;
		struct err err = ERR_INIT;

		if (of_no_configuration(g.gl_pathv[i]))
			continue;
		assert_int_equal(
		    file_read(g.gl_pathv[i], 1 << 20, &text, &err), 0);
		read_tables(text.data, said, words, must);
	}
	globfree(&g);
}

static void
of_schema(const json_t *schema, json_t *words)
{
	const char *key, *path;
	json_t *type;

	json_object_foreach((json_t *)schema, key, type)
	{
		path = key;
		while (*path) {
			size_t n = strspn(
			    path, "abcdefghijklmnopqrstuvwxyz0123456789_");

			if (n > 0)
				add(words, path, n);
			path += n > 0 ? n : 1;
		}
	}
}

/* What programs read besides: notes of their own, and what only another
 * recipe's program has of the same source. */
static bool
is_besides(const char *recipe, const char *word)
{
	static const char *const known[][2] = { { "vpn-openvpn", "server" },
		{ "dhcp", "upstream" }, { "dhcp", "listen" },
		{ "dns-dhcp", "dns" }, { "dns-dhcp", "ntp" },
		{ "dns-dhcp", "dhcp6" } };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i][0], recipe) == 0 &&
		    strcmp(known[i][1], word) == 0)
			return true;
	return false;
}

/* `b` has all words of `a`. */
static void
all_in(const char *recipe, json_t *a, const json_t *b, const char *who)
{
	const char *word;
	json_t *v;

	json_object_foreach(a, word, v)
	{
		if (!json_object_get(b, word) && !is_besides(recipe, word))
			fail_msg("recipes/%s: %s \"%s\"", recipe, who, word);
	}
}

static struct recipes all;

static int
load(void **state)
{
	struct err err = ERR_INIT;
	int fd = open("recipes", O_DIRECTORY | O_CLOEXEC);

	(void)state;
	return fd == -1 ? -1 : recipes_load(fd, NULL, &all, &err);
}

static int
unload(void **state)
{
	(void)state;
	recipes_release(&all);
	return 0;
}

static void
who_configures_says_what_with(void **state)
{
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < all.n; i++) {
		auto_json json_t *config = NULL;

		/* Lacks a file to be laid there, or uses one that does. */
		if (all.v[i].error && (!all.v[i].own_error || all.v[i].lacking))
			continue;
		if (all.v[i].error)
			fail_msg("%s", all.v[i].error);
		config = recipe_config(&all.v[i]);
		if (all.v[i].configure && !config)
			fail_msg("recipes/%s/recipe.yaml: no \"config\", the "
				 "options that configure takes: kiln-recipe(5)",
			    all.v[i].name);
		n += config != NULL;
	}
	assert_true(n > 0);
}

static void
options_are_those_that_configure_reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < all.n; i++) {
		const struct recipe *r = &all.v[i];
		auto_json json_t *config = r->error ? NULL : recipe_config(r);
		auto_json json_t *said = json_object(), *read = json_object(),
				 *must = json_object();

		if (!config)
			continue;
		of_schema(config, said);
		/* a program of dns-dhcp */
		of_folder(strcmp(r->name, "dhcp") == 0 ? "dns-dhcp" : r->name,
		    said, read, must);
		/* What it shares with another recipe is read there. */
		for (size_t k = 0; k < r->nuses; k++) {
			auto_json json_t *ignored = json_object();

			of_folder(r->uses[k].recipe, said, read, ignored);
		}
		if (json_object_size(read) == 0)
			fail_msg("%s: no table of keys is found", r->name);
		all_in(r->name, said, read, "configure does not read");
		all_in(r->name, must, said, "config does not list");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_configures_says_what_with),
		cmocka_unit_test(options_are_those_that_configure_reads),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
