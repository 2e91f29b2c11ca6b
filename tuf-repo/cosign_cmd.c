/*
 * `kiln-tuf cosign`: another rebuilder's signature over a version that waits
 * for one.  Needs no farm.  Beside the key lies a journal as the signer has
 * one: never two contents for one version, never back.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/cli.h"
#include "lib/cosign.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tuf_read.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/journal.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/own_key.h"
#include "tuf-repo/rite.h"
#include "tuf-repo/roles.h"
#include "tuf-repo/words.h"

#define WHERE "kiln-tuf cosign"

/* A whole service role: what it lists, and nothing that is not its own. */
static struct tuf_file *
read_draft(
    const char *role, const char *path, struct buf *bytes, struct err *err)
{
	auto_free char *prefix = mem_printf("images/%s/", role_service(role));
	auto_buf struct buf whole = BUF_INIT, again = BUF_INIT;
	auto_tuf struct tuf_file *f = NULL;

	if (file_read(path, TUF_TARGETS_MAX, bytes, err) == -1)
		return NULL;
	if (bytes->len && bytes->data[bytes->len - 1] == '\n')
		bytes->data[--bytes->len] = '\0';
	if (meta_file(bytes->data, bytes->len, NULL, 0, &whole, err) == -1 ||
	    !(f = tuf_read(TUF_TARGETS, role, whole.data, whole.len, err)) ||
	    canon_json(f->signed_json, &again, err) == -1)
		return err_prefix(err, "%s", path), NULL;
	if (!span_equal(span_buf(&again), span_buf(bytes)))
		return err_set(err, ERR_INPUT,
			   "%s: not the canonical bytes to sign", path),
		       NULL;
	if (f->nroles)
		return err_set(err, ERR_TRUST,
			   "%s: a service delegates to nobody", path),
		       NULL;
	for (size_t i = 0; i < f->ntargets; i++)
		if (strncmp(f->targets[i].path, prefix, strlen(prefix)) != 0)
			return err_set(err, ERR_TRUST,
				   "%s: %s is not of this service", path,
				   f->targets[i].path),
			       NULL;
	if (f->expires > time_now() + rule_of(role)->lifetime + 86400)
		return err_set(err, ERR_TRUST,
			   "%s: it would live longer than it may", path),
		       NULL;
	return (struct tuf_file *)take_ptr(&f);
}

static int
note(int dir, const char *role, const struct cosign *c, struct err *err)
{
	struct journal *j = journal_open(dir, 5000, err);
	int rc;

	if (!j)
		return -1;
	rc = journal_enter(j, role, c->version, &c->content, err);
	journal_free(j);
	return rc;
}

static int
cosign(struct own_key *o, const char *role, const char *path, struct err *err)
{
	auto_buf struct buf bytes = BUF_INIT, text = BUF_INIT;
	auto_buf struct buf words = BUF_INIT;
	auto_tuf struct tuf_file *f = read_draft(role, path, &bytes, err);
	auto_free char *name = NULL;
	struct cosign c = { .version = f ? f->version : 0 };

	if (!f)
		return -1;
	auto_fd int dir = own_key_file(o, &name, err);
	if (dir == -1)
		return -1;
	words_difference(role, NULL, f, &words);
	printf("%sYou say with it that these came out of your own builds,"
	       " equal.\n",
	    words.data);
	snprintf(c.role, sizeof(c.role), "%s", role);
	hash_bytes(&c.content, bytes.data, bytes.len);
	/* The journal before the signature, as the signer does it. */
	if (rite_confirm(o->yes, err) == -1 || note(dir, role, &c, err) == -1 ||
	    key_sign(dir, name, &o->access, &bytes, &c.key, &c.sig, err) == -1)
		return -1;
	cosign_write(&c, &text);
	return rite_write(o->out, &text, err);
}

int
cmd_cosign(int argc, char **argv)
{
	auto_own_key struct own_key o = OWN_KEY_INIT;
	struct err err = ERR_INIT;
	int rc = own_key_options(&o, WHERE, argc, argv, 2,
	    "say --key, --out, the role and the draft");

	if (rc != 0)
		return rc;
	if (!role_service(argv[optind]) || !rule_of(argv[optind]) ||
	    strlen(argv[optind]) >= COSIGN_ROLE_MAX)
		return cli_usage(
		    WHERE, "%s is no role of a service", argv[optind]);
	rc = cosign(&o, argv[optind], argv[optind + 1], &err);
	return rc == 0 ? EXIT_DONE : cli_fail(WHERE, &err, false);
}
