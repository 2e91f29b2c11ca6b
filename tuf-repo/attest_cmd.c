/*
 * `kiln-tuf attest`: a rebuilder's signature over what it says of a run of its
 * own, as a DSSE envelope to be handed in.  Needs no farm.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "lib/cli.h"
#include "lib/dsse.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/statement.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/keysign.h"
#include "tuf-repo/rite.h"

#define WHERE "kiln-tuf attest"

struct attesting {
	const char *key, *out;
	bool yes;
	struct key_access access;
};

static void
say(const struct statement *s)
{
	char plan[HASH_HEX];

	hash_hex(&s->plan, plan);
	printf("plan %s: %s%s%s\n", plan, s->verdict,
	    s->lane[0] ? ", lane " : "", s->lane);
	printf("You say with it that this came of a build of your own.\n");
}

static int
attest(struct attesting *o, const char *path, struct err *err)
{
	auto_buf struct buf text = BUF_INIT, pae = BUF_INIT, file = BUF_INIT;
	auto_free char *name = NULL;
	struct dsse_signature one;
	struct statement s;
	const char *base;

	if (file_read(path, STATEMENT_MAX, &text, err) == -1 ||
	    statement_read(&s, text.data, text.len, err) == -1)
		return err_prefix(err, "%s", path);
	auto_fd int dir = rite_parent(o->key, &base, err);
	if (dir == -1)
		return -1;
	if (strlen(base) < 5 || strcmp(base + strlen(base) - 4, ".key") != 0)
		return err_set(err, ERR_INPUT, "%s: not NAME.key", o->key);
	name = mem_strn(base, strlen(base) - 4);
	say(&s);
	dsse_pae(DSSE_INTOTO, text.data, text.len, &pae);
	if (rite_confirm(o->yes, err) == -1 ||
	    key_sign(dir, name, &o->access, &pae, &one.key, &one.sig, err) ==
		-1)
		return -1;
	dsse_envelope(DSSE_INTOTO, text.data, text.len, &one, 1, &file);
	return rite_write(o->out, &file, err);
}

int
cmd_attest(int argc, char **argv)
{
	static const struct option options[] = {
		KEY_OPTIONS,
		{ "key", required_argument, NULL, 'k' },
		{ "out", required_argument, NULL, 'o' },
		{ "yes", no_argument, NULL, 'y' },
		{ NULL, 0, NULL, 0 },
	};
	struct attesting o = { .access = KEY_ACCESS_INIT };
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
		return cli_usage(WHERE, "say --key, --out and the statement");
	rc = attest(&o, argv[optind], &err);
	key_access_release(&o.access);
	return rc == 0 ? EXIT_DONE : cli_fail(WHERE, &err, false);
}
