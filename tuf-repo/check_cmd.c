/* `kiln-tuf check` */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tuf-repo/check.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/roles.h"

#define WHERE "kiln-tuf check"

static const char *
word(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static long long
number(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static void
print_list(FILE *to, const char *mark, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		fprintf(
		    to, "%s %s: %s\n", mark, word(o, "where"), word(o, "text"));
	}
}

static void
print_text(const struct check *c)
{
	auto_buf struct buf size = BUF_INIT;
	size_t bins = 0;

	for (size_t i = 0; i < json_array_size(c->roles); i++) {
		const json_t *o = json_array_get(c->roles, i);

		if (role_is_bin(word(o, "role"))) {
			bins++;
			continue;
		}
		printf("%-24s version %-5lld signed by %lld (%lld of %lld"
		       " needed), until %s\n",
		    word(o, "role"), number(o, "version"),
		    number(o, "signed_by"), number(o, "threshold"),
		    number(o, "keys"), word(o, "expires"));
	}
	if (bins)
		printf("%zu hash bins of transport\n", bins);
	num_add_size(&size, c->target_bytes);
	printf("%lld targets, %s\n", (long long)c->targets, size.data);
	print_list(stdout, "note:", c->notes);
	print_list(stdout, "wrong:", c->findings);
	if (json_array_size(c->findings) == 0)
		printf("nothing wrong\n");
}

static void
print_json(const struct check *c)
{
	auto_json json_t *o = json_object();
	auto_buf struct buf text = BUF_INIT;

	json_object_set(o, "findings", c->findings);
	json_object_set(o, "notes", c->notes);
	json_object_set(o, "roles", c->roles);
	js_set_int(o, "targets", c->targets);
	js_set_int(o, "bytes", c->target_bytes);
	js_text(o, true, &text);
	printf("%s\n", text.data);
}

static int
check(const char *tree, const char *root, bool json, struct err *err)
{
	auto_buf struct buf trusted = BUF_INIT;
	struct source src = SOURCE_INIT;
	struct check c = CHECK_INIT;
	int rc = -1;

	if (root && file_read(root, TUF_ROOT_MAX, &trusted, err) == -1)
		return -1;
	c.now = time_now();
	c.root = root ? &trusted : NULL;
	if (source_open(&src, tree, err) == 0 &&
	    check_tree(&c, &src, err) == 0) {
		if (json)
			print_json(&c);
		else
			print_text(&c);
		rc = json_array_size(c.findings) ? EXIT_TRUST : EXIT_DONE;
	}
	check_release(&c);
	source_release(&src);
	return rc;
}

int
cmd_check(int argc, char **argv)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	const char *root = NULL;
	struct err err = ERR_INIT;
	bool json = false;
	int c, rc;

	while ((c = getopt_long(argc, argv, "r:j", options, NULL)) != -1) {
		if (c == 'r')
			root = optarg;
		else if (c == 'j')
			json = true;
		else
			return cli_usage(WHERE, "see --help");
	}
	if (argc - optind != 1)
		return cli_usage(WHERE, "name one folder or address");
	rc = check(argv[optind], root, json, &err);
	return rc == -1 ? cli_fail(WHERE, &err, json) : rc;
}
