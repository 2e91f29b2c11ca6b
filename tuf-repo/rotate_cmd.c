/* `kiln-tuf rotate`: the keys of a role. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/keyring.h"
#include "tuf-repo/rite.h"
#include "tuf-repo/roles.h"
#include "tuf-repo/signer_proto.h"

#define WORDS_MAX 512

static const struct option options[] = {
	RITE_OPTIONS,
	{ "yes", no_argument, NULL, 'y' },
	{ "add", required_argument, NULL, 'a' },
	{ "remove", required_argument, NULL, 'r' },
	{ "threshold", required_argument, NULL, 't' },
	{ "new", no_argument, NULL, 'n' },
	{ NULL, 0, NULL, 0 },
};

struct rotation {
	const char *add[WORDS_MAX], *remove[WORDS_MAX];
	size_t nadd, nremove;
	int64_t threshold;
	bool fresh;
};

/* 64 digits, or a file NAME.pub. */
static int
read_public(const char *word, struct sig_public *pub, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	size_t n = strlen(word);

	if (n != KEY_HEX - 1) {
		if (file_read(word, 256, &text, err) == -1)
			return -1;
		n = text.len;
		if (n && text.data[n - 1] == '\n')
			n--;
		word = text.data;
	}
	if (!hex_decode(pub->b, sizeof(pub->b), word, n) || !sig_public_ok(pub))
		return err_set(err, ERR_INPUT,
		    "not a public key: 64 hex digits, or a file of them");
	return 0;
}

/* The keys of the role that lie in keys/online or, of offline roles, all. */
static int
own_keyids(struct rite *r, const char *role, char (*ids)[HASH_HEX], size_t room,
    size_t *n, struct err *err)
{
	const struct rule *rule = rule_of(role);
	const struct tuf_role *d =
	    tuf_role_find(change_delegator(&r->change, role), role);
	auto_key_names struct key_names names = KEY_NAMES_INIT;

	*n = 0;
	if (!d)
		return err_set(err, ERR_INPUT, "%s is no role here", role);
	if (key_names_read(
		rule->online ? r->online : r->offline, &names, err) == -1)
		return -1;
	for (size_t i = 0; rule->online && i < names.n; i++) {
		struct sig_public pub;
		char id[HASH_HEX];

		if (!key_is_generation(names.v[i], rule->key))
			continue;
		if (key_public(r->online, names.v[i], &pub, err) == -1)
			return -1;
		tuf_keyid(&pub, id);
		for (size_t k = 0; k < d->nkeyids && *n < room; k++)
			if (strcmp(d->keyids[k], id) == 0)
				memcpy(ids[(*n)++], id, HASH_HEX);
	}
	if (!rule->online && d->nkeyids == 1)
		memcpy(ids[(*n)++], d->keyids[0], HASH_HEX);
	if (!rule->online && d->nkeyids != 1)
		return err_set(err, ERR_INPUT,
		    "%s has %zu keys: say which goes with --remove KEYID, and"
		    " what comes with --add or --new",
		    role, d->nkeyids);
	return 0;
}

static int
rotate_one(struct rite *r, const char *role, const struct rotation *o,
    const struct sig_public *fresh, struct err *err)
{
	struct sig_public add[WORDS_MAX + 1];
	char ids[SIGNER_KEYS_MAX][HASH_HEX];
	const char *remove[WORDS_MAX + SIGNER_KEYS_MAX];
	struct key_change k = {
		.add = add, .remove = remove, .threshold = o->threshold
	};
	bool plain = !o->nadd && !o->nremove && !o->threshold && !o->fresh;
	size_t n = 0;

	for (size_t i = 0; i < o->nadd; i++)
		if (read_public(o->add[i], &add[k.nadd++], err) == -1)
			return -1;
	for (size_t i = 0; i < o->nremove; i++)
		remove[k.nremove++] = o->remove[i];
	if (plain && own_keyids(r, role, ids, SIGNER_KEYS_MAX, &n, err) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		remove[k.nremove++] = ids[i];
	/* A service that others alone sign stays as it is. */
	if (plain && n == 0)
		return 0;
	if (fresh)
		add[k.nadd++] = *fresh;
	return change_keys(&r->change, role, &k, err);
}

/* "rebuilder": this farm's voice in every service. */
static int
rotate_services(struct rite *r, const struct rotation *o,
    const struct sig_public *fresh, struct err *err)
{
	const struct tuf_file *t = r->change.now[PART_TARGETS];

	for (size_t i = 0; i < t->nroles; i++)
		if (role_service(t->roles[i].name) &&
		    rotate_one(r, t->roles[i].name, o, fresh, err) == -1)
			return -1;
	return 0;
}

static int
rotate_role(
    struct rite *r, const char *word, const struct rotation *o, struct err *err)
{
	bool all = strcmp(word, "rebuilder") == 0;
	const char *role = all				  ? "svc-x"
			   : strcmp(word, "release") == 0 ? "sets-stable"
							  : word;
	bool plain = !o->nadd && !o->nremove && !o->threshold && !o->fresh;
	struct sig_public fresh;

	if (!rule_of(role))
		return err_set(err, ERR_INPUT,
		    "%s is no role: root, targets, snapshot, timestamp,"
		    " sets-stable, sets-edge, brake, transport, rebuilder or"
		    " svc-SERVICE",
		    word);
	if (plain && !all && role_service(role))
		return err_set(err, ERR_INPUT,
		    "%s: say --add, --remove or --threshold; this farm's own"
		    " key of all services is rotated by the word rebuilder",
		    role);
	if (plain && !all && !rule_of(role)->online) {
		char ids[SIGNER_KEYS_MAX][HASH_HEX];
		size_t n;

		/* before a key is made for nothing */
		if (own_keyids(r, role, ids, SIGNER_KEYS_MAX, &n, err) == -1)
			return -1;
	}
	if ((plain || o->fresh) && rite_new_key(r, role, &fresh, err) == -1)
		return -1;
	if (all)
		return rotate_services(
		    r, o, plain || o->fresh ? &fresh : NULL, err);
	return rotate_one(r, role, o, plain || o->fresh ? &fresh : NULL, err);
}

static int
rotate(struct rite *r, char **words, int n, const struct rotation *o,
    struct err *err)
{
	bool done;

	if (rite_open(r, err) == -1)
		return -1;
	for (int i = 0; i < n; i++)
		if (rotate_role(r, words[i], o, err) == -1)
			return -1;
	if (!change_any(&r->change))
		return err_set(err, ERR_INPUT, "nothing changes");
	return rite_finish(r, &done, err);
}

int
cmd_rotate(int argc, char **argv)
{
	static const char where[] = "kiln-tuf rotate";
	struct rotation *o = mem_zero(1, sizeof(*o));
	struct err err = ERR_INIT;
	struct rite r;
	int c, rc = 0;

	rite_init(&r);
	while (rc == 0 &&
	       (c = getopt_long(argc, argv, "s:y", options, NULL)) != -1) {
		if (c == 'a' && o->nadd < WORDS_MAX)
			o->add[o->nadd++] = optarg;
		else if (c == 'r' && o->nremove < WORDS_MAX)
			o->remove[o->nremove++] = optarg;
		else if (c == 'n')
			o->fresh = true;
		else if (c == 't') {
			if (num_int(optarg, 1, 64, &o->threshold, &err) == -1)
				rc = cli_fail(where, &err, false);
		} else if (!rite_option(&r, where, c, &rc))
			rc = cli_usage(where, "see --help");
	}
	if (rc == 0 && optind == argc)
		rc = cli_usage(where, "name the role whose keys change");
	if (rc == 0)
		rc = rite_end(&r, where,
		    rotate(&r, argv + optind, argc - optind, o, &err), &err);
	free(o);
	return rc;
}
