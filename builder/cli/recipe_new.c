/* kiln recipe: new, a recipe that builds, to be changed into another; sign. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/cli/cmd.h"
#include "builder/cli/recipe_sign.h"
#include "builder/plan/plan.h"
#include "lib/buf.h"
#include "lib/cli.h"
#include "lib/farm.h"
#include "lib/fdio.h"
#include "lib/own.h"

#define WHERE "kiln recipe"
#define NAME_MAX_LEN 40
#define MARK "=== "
#define PLACE "@NAME@"

/* "=== PATH", then the file's lines. */
__asm__(".pushsection .rodata\n"
	"recipe_skeleton:\n"
	".incbin \"builder/cli/skeleton.txt\"\n"
	"recipe_skeleton_end:\n"
	".byte 0\n"
	".balign 8\n"
	"recipe_skeleton_size: .quad recipe_skeleton_end - recipe_skeleton\n"
	".popsection\n");
extern const char recipe_skeleton[];
extern const uint64_t recipe_skeleton_size;

/* What a service, its role and its folder may all be called. */
static bool
service_name_ok(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= NAME_MAX_LEN && s[0] != '-' && s[n - 1] != '-' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n &&
	       strcmp(s, PLAN_OWN) != 0 && strcmp(s, "kernel") != 0;
}

static void
add_line(struct buf *out, struct span line, const char *name)
{
	const char *place;

	while ((place = memmem(line.p, line.n, PLACE, strlen(PLACE))) != NULL) {
		size_t before = (size_t)(place - line.p);

		buf_add(out, line.p, before);
		buf_str(out, name);
		line.p = place + strlen(PLACE);
		line.n -= before + strlen(PLACE);
	}
	buf_add(out, line.p, line.n);
	buf_char(out, '\n');
}

static int
write_file(int dir, const char *path, const struct buf *text, struct err *err)
{
	if (!*path)
		return 0;
	return file_write_at(dir, path, text->data, text->len, 0644, err);
}

static int
write_all(int dir, const char *name, struct err *err)
{
	struct span rest = { recipe_skeleton, recipe_skeleton_size }, line;
	auto_buf struct buf text = BUF_INIT;
	char path[64] = "";

	while (span_next(&rest, '\n', &line)) {
		if (line.n < strlen(MARK) ||
		    memcmp(line.p, MARK, strlen(MARK)) != 0) {
			if (*path)
				add_line(&text, line, name);
			continue;
		}
		if (write_file(dir, path, &text, err) == -1)
			return -1;
		buf_clear(&text);
		snprintf(path, sizeof(path), "%.*s",
		    (int)(line.n - strlen(MARK)), line.p + strlen(MARK));
	}
	return write_file(dir, path, &text, err);
}

static int
make(const char *folder, const char *name, struct err *err)
{
	auto_fd int recipes = dir_open(folder, err), dir = -1;

	if (recipes == -1)
		return -1;
	if (mkdirat(recipes, name, 0755) == -1)
		return errno == EEXIST
			   ? err_set(err, ERR_INPUT, "%s/%s is there already",
				 folder, name)
			   : err_sys(err, "make %s/%s", folder, name);
	dir = dir_open_at(recipes, name, err);
	return dir == -1 ? -1 : write_all(dir, name, err);
}

static int
sign(const struct recipe_signing *s, const char *folder, const char *name)
{
	struct err err = ERR_INIT;

	if (!s->key)
		return cli_usage(WHERE, "sign: say --key FILE");
	if (!name_ok(name))
		return cli_usage(WHERE, "\"%.60s\" is no recipe", name);
	if (recipe_sign(s, folder, name, &err) == -1)
		return cli_fail(WHERE, &err, false);
	return EXIT_DONE;
}

int
cmd_recipe(int argc, char **argv)
{
	struct recipe_signing s = { NULL, NULL, false };
	const char *folder = farm_default_recipes();
	struct err err = ERR_INIT;
	const struct cli_option options[] = {
		{ "recipes", .text = &folder },
		{ "key", .text = &s.key },
		{ "passphrase-file", .text = &s.pass },
		{ "yes", .flag = &s.yes },
		{ 0 },
	};
	int o = cli_options(&kiln_program, argc, argv, options);

	if (o != -1)
		return o;
	if (argc - optind == 2 && strcmp(argv[optind], "sign") == 0)
		return sign(&s, folder, argv[optind + 1]);
	if (argc - optind != 2 || strcmp(argv[optind], "new") != 0 || s.key)
		return cli_usage(
		    WHERE, "expected new NAME, or sign --key FILE NAME");
	if (!service_name_ok(argv[optind + 1]))
		return cli_usage(WHERE,
		    "\"%.60s\" is no name for a service: a-z, 0-9 and -, %d at "
		    "most, and neither kernel nor " PLAN_OWN,
		    argv[optind + 1], NAME_MAX_LEN);
	if (make(folder, argv[optind + 1], &err) == -1)
		return cli_fail(WHERE, &err, false);
	printf("%s/%s\n", folder, argv[optind + 1]);
	return EXIT_DONE;
}
