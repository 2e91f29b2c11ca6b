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
#include "tuf-repo/own_key.h"
#include "tuf-repo/rite.h"

#define WHERE "kiln-tuf attest"

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
attest(struct own_key *o, const char *path, struct err *err)
{
	auto_buf struct buf text = BUF_INIT, pae = BUF_INIT, file = BUF_INIT;
	struct dsse_signature one;
	struct statement s;

	if (file_read(path, STATEMENT_MAX, &text, err) == -1 ||
	    statement_read(&s, text.data, text.len, err) == -1)
		return err_prefix(err, "%s", path);
	say(&s);
	dsse_pae(DSSE_INTOTO, text.data, text.len, &pae);
	if (rite_confirm(o->yes, err) == -1 ||
	    own_key_sign(o, &pae, &one.key, &one.sig, err) == -1)
		return -1;
	dsse_envelope(DSSE_INTOTO, text.data, text.len, &one, 1, &file);
	return rite_write(o->out, &file, err);
}

int
cmd_attest(int argc, char **argv)
{
	auto_own_key struct own_key o = OWN_KEY_INIT;
	struct err err = ERR_INIT;
	int rc = own_key_options(
	    &o, WHERE, argc, argv, 1, "say --key, --out and the statement");

	if (rc != 0)
		return rc;
	rc = attest(&o, argv[optind], &err);
	return rc == 0 ? EXIT_DONE : cli_fail(WHERE, &err, false);
}
