/* The commands of ceremonies: delegate, rotate, request, sign, accept. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/keys.h"
#include "tuf-repo/rite.h"
#include "tuf-repo/roles.h"
#include "tuf-repo/signer_proto.h"

#define WORDS_MAX 512

/* Of all commands here; each refuses those that are not its own. */
static const struct option options[] = {
	{ "state", required_argument, NULL, 's' },
	{ "out", required_argument, NULL, 'o' },
	{ "yes", no_argument, NULL, 'y' },
	{ "passphrase-file", required_argument, NULL, 'p' },
	{ "passphrase-fd", required_argument, NULL, 'P' },
	{ "signer-passphrase-file", required_argument, NULL, 'q' },
	{ "signer-passphrase-fd", required_argument, NULL, 'Q' },
	{ "service", required_argument, NULL, 'v' },
	{ "add", required_argument, NULL, 'a' },
	{ "remove", required_argument, NULL, 'r' },
	{ "threshold", required_argument, NULL, 't' },
	{ "new", no_argument, NULL, 'n' },
	{ "key", required_argument, NULL, 'k' },
	{ NULL, 0, NULL, 0 },
};

static int
end(struct rite *r, const char *where, int rc, const struct err *err)
{
	rite_release(r);
	return rc == 0 ? EXIT_DONE : cli_fail(where, err, false);
}

/* --- delegate ---------------------------------------------------------- */

/* The newest generation that targets lists; else the first. */
static int
rebuilder_key(struct rite *r, struct sig_public *pub, struct err *err)
{
	const char *key = rule_of("svc-x")->key;
	auto_key_names struct key_names names = KEY_NAMES_INIT;
	bool found = false;

	if (key_names_read(r->online, &names, err) == -1)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		struct sig_public p;

		if (!key_is_generation(names.v[i], key))
			continue;
		if (key_public(r->online, names.v[i], &p, err) == -1)
			return -1;
		if (!found || change_lists(&r->change, &p))
			*pub = p;
		found = true;
	}
	return found ? 0
		     : err_set(err, ERR_MISSING, "key %s is not in keys/online",
			   key);
}

static int
delegate(struct rite *r, const char *const *services, size_t n, struct err *err)
{
	struct sig_public pub;
	bool done;

	if (rite_open(r, err) == -1 || rebuilder_key(r, &pub, err) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		change_add_service(&r->change, services[i], &pub);
	if (!change_any(&r->change))
		return rite_hand_over(r, err);
	return rite_finish(r, &done, err);
}

int
cmd_delegate(int argc, char **argv)
{
	static const char where[] = "kiln-tuf delegate";
	const char *services[WORDS_MAX];
	struct err err = ERR_INIT;
	struct rite r;
	size_t n = 0;
	int c, rc;

	rite_init(&r);
	r.yes = true; /* the command line says all of it */
	while ((c = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
		if (c == 'v' && !service_ok(optarg))
			return cli_usage(where,
			    "%s is no service name: lower-case letters,"
			    " digits, minus",
			    optarg);
		else if (c == 'v' && n < WORDS_MAX)
			services[n++] = optarg;
		else if (!rite_option(&r, where, c, &rc))
			return cli_usage(where, "see --help");
		else if (rc)
			return rc;
	}
	if (optind != argc)
		return cli_usage(where, "name services with --service");
	return end(&r, where, delegate(&r, services, n, &err), &err);
}

/* --- rotate ------------------------------------------------------------ */

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
		rc = end(&r, where,
		    rotate(&r, argv + optind, argc - optind, o, &err), &err);
	free(o);
	return rc;
}

/* --- request: the same content for another term ------------------------ */

static int
request(struct rite *r, char **words, int n, struct err *err)
{
	bool done;

	if (rite_open(r, err) == -1)
		return -1;
	for (int i = 0; i < n; i++) {
		int p = 0;

		while (p < PART_COUNT && strcmp(part_roles[p], words[i]) != 0)
			p++;
		if (p == PART_COUNT)
			return err_set(err, ERR_INPUT,
			    "%s is none of root, targets, sets-stable: others"
			    " are signed by the farm itself",
			    words[i]);
		change_renew(&r->change, (enum part)p);
	}
	return rite_finish(r, &done, err);
}

int
cmd_request(int argc, char **argv)
{
	static const char where[] = "kiln-tuf request";
	struct err err = ERR_INIT;
	struct rite r;
	int c, rc;

	rite_init(&r);
	while ((c = getopt_long(argc, argv, "s:y", options, NULL)) != -1) {
		if (!rite_option(&r, where, c, &rc))
			return cli_usage(where, "see --help");
		if (rc)
			return rc;
	}
	if (optind == argc)
		return cli_usage(where, "name root, targets or sets-stable");
	return end(
	    &r, where, request(&r, argv + optind, argc - optind, &err), &err);
}

/* --- sign, on a machine that has no farm ------------------------------- */

static int
read_request(const char *path, struct request *q, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (file_read(path, REQUEST_MAX, &text, err) == -1 ||
	    request_read(q, text.data, text.len, err) == -1)
		return err_prefix(err, "%s", path);
	return 0;
}

static int
sign_with(struct rite *r, const char *path, size_t *n, struct err *err)
{
	const char *base;
	auto_fd int dir = rite_parent(path, &base, err);
	auto_free char *name = NULL;
	size_t len = strlen(base);

	if (dir == -1)
		return -1;
	name = mem_strn(base,
	    len > 4 && strcmp(base + len - 4, ".key") == 0 ? len - 4 : len);
	return rite_sign(
	    &r->request, dir, name, &r->pass, &r->offline_pass, n, err);
}

static int
sign(struct rite *r, const char *path, const char *const *keys, size_t nkeys,
    struct err *err)
{
	auto_buf struct buf words = BUF_INIT, text = BUF_INIT;
	auto_buf struct buf missing = BUF_INIT;
	size_t n = 0;

	if (secret_process(err) == -1 ||
	    read_request(path, &r->request, err) == -1)
		return -1;
	request_words(&r->request, &words);
	fputs(words.data, stdout);
	if (rite_confirm(r->yes, err) == -1)
		return -1;
	for (size_t i = 0; i < nkeys; i++)
		if (sign_with(r, keys[i], &n, err) == -1)
			return -1;
	if (n == 0)
		return err_set(err, ERR_INPUT,
		    "none of these keys may sign what is in %s", path);
	request_text(&r->request, &text);
	if (rite_write(path, &text, err) == -1)
		return -1;
	if (request_missing(&r->request, &missing))
		printf("signed; it still needs\n%s", missing.data);
	else
		printf("signed; it is complete: kiln-tuf accept %s\n", path);
	return 0;
}

int
cmd_sign(int argc, char **argv)
{
	static const char where[] = "kiln-tuf sign";
	const char *keys[64];
	struct err err = ERR_INIT;
	struct rite r;
	size_t n = 0;
	int c, rc;

	rite_init(&r);
	while ((c = getopt_long(argc, argv, "k:y", options, NULL)) != -1) {
		if (c == 'k' && n < ARRAY_LEN(keys))
			keys[n++] = optarg;
		else if (c == 's' || c == 'o' || c == 'q' || c == 'Q' ||
			 !rite_option(&r, where, c, &rc))
			return cli_usage(where, "see --help");
		else if (rc)
			return rc;
	}
	if (argc - optind != 1 || n == 0)
		return cli_usage(where, "say --key FILE and the request");
	return end(&r, where, sign(&r, argv[optind], keys, n, &err), &err);
}

/* --- accept ------------------------------------------------------------ */

static int
same_state(struct rite *r, struct err *err)
{
	const json_t *cur = json_object_get(r->request.json, "current");

	for (int p = 0; p < PART_COUNT; p++) {
		const char *text =
		    json_string_value(json_object_get(cur, part_roles[p]));

		if (strcmp(text, r->change.current[p].data) != 0)
			return err_set(err, ERR_INPUT,
			    "it was made after version %lld of %s, and version"
			    " %lld stands: make a new request",
			    (long long)r->request.now[p]->version,
			    part_roles[p],
			    (long long)r->change.now[p]->version);
	}
	return 0;
}

static int
accept_files(struct rite *r, char **files, int n, struct err *err)
{
	auto_buf struct buf missing = BUF_INIT;

	if (rite_open(r, err) == -1)
		return -1;
	for (int i = 0; i < n; i++) {
		auto_request struct request q;

		request_init(&q);
		if (read_request(files[i], i == 0 ? &r->request : &q, err) ==
			-1 ||
		    (i > 0 && request_merge(&r->request, &q, err) == -1))
			return -1;
	}
	if (same_state(r, err) == -1)
		return -1;
	if (request_missing(&r->request, &missing)) {
		fputs(missing.data, stderr);
		return err_set(err, ERR_BUSY, "it needs more signatures");
	}
	return rite_accept(r, err);
}

int
cmd_accept(int argc, char **argv)
{
	static const char where[] = "kiln-tuf accept";
	struct err err = ERR_INIT;
	struct rite r;
	int c, rc;

	rite_init(&r);
	while ((c = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
		if (c == 'o' || c == 'y' || !rite_option(&r, where, c, &rc))
			return cli_usage(where, "see --help");
		if (rc)
			return rc;
	}
	if (optind == argc)
		return cli_usage(where, "name the signed request");
	return end(&r, where,
	    accept_files(&r, argv + optind, argc - optind, &err), &err);
}
