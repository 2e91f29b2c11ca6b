/* `kiln-tuf key new|list|import`: key files, with or without a farm. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/keyfile.h"
#include "tuf-repo/keyring.h"
#include "tuf-repo/rite.h"
#include "tuf-repo/token.h"

#define WHERE "kiln-tuf key"

struct key_order {
	const char *dir, *state, *as, *token;
	bool demo;
	struct key_access access; /* to a key that is there */
	struct secret_source new_pass;
};

static int
show(int dirfd, const char *name, struct err *err)
{
	char id[HASH_HEX], hex[KEY_HEX];
	struct sig_public pub;

	if (key_public(dirfd, name, &pub, err) == -1)
		return -1;
	tuf_keyid(&pub, id);
	hex_encode(hex, pub.b, sizeof(pub.b));
	printf("%s\nkeyid  %s\npublic %s\n", name, id, hex);
	return 0;
}

static int
new_secret(const struct key_order *o, const char *name, struct secret *pass,
    struct err *err)
{
	auto_free char *prompt = mem_printf("new passphrase of key %s", name);

	if (o->demo)
		return 0;
	return secret_get(pass, &o->new_pass, prompt, true, err);
}

/* A file that says where the key is. */
static int
key_on_token(struct key_order *o, int dir, const char *name, const char *uri,
    bool make, struct err *err)
{
	char found[KEY_URI_MAX];
	struct sig_public pub;

	if (key_exists(dir, name))
		return err_set(err, ERR_INPUT, "key %s is there already", name);
	if (key_token_public(
		uri, make ? name : NULL, &o->access, &pub, found, err) == -1 ||
	    key_token_write(dir, name, found, &pub, err) == -1)
		return -1;
	printf("%s\n", found);
	return show(dir, name, err);
}

static int
key_new(struct key_order *o, const char *name, struct err *err)
{
	auto_secret struct secret pass = SECRET_INIT;
	auto_fd int dir = dir_open(o->dir, err);
	struct sig_public pub;

	if (dir == -1)
		return -1;
	if (key_exists(dir, name))
		return err_set(err, ERR_INPUT, "key %s is there already", name);
	if (o->token)
		return key_on_token(o, dir, name, o->token, true, err);
	if (new_secret(o, name, &pass, err) == -1 ||
	    key_make(dir, name, o->demo ? NULL : &pass, (uid_t)-1, (gid_t)-1,
		&pub, err) == -1)
		return -1;
	return show(dir, name, err);
}

/* --- import: another form, another passphrase, another place ----------- */

static int
load_old(const struct key_order *o, int dir, const char *name,
    struct sig_seed *seed, struct err *err)
{
	auto_free char *prompt =
	    mem_printf("present passphrase of key %s", name);
	auto_secret struct secret pass = SECRET_INIT;
	enum key_form form;

	if (key_form_of(dir, name, &form, err) == -1 ||
	    (form == KEY_SEALED &&
		secret_get(&pass, &o->access.pass, prompt, false, err) == -1))
		return -1;
	return key_load(dir, name, &pass, seed, err);
}

static int
key_import(struct key_order *o, const char *path, struct err *err)
{
	auto_secret struct secret pass = SECRET_INIT;
	auto_fd int to = dir_open(o->dir, err);
	auto_free char *name = NULL;
	struct sig_seed *seed;
	const char *base;
	int rc = -1;

	if (to == -1)
		return -1;
	if (token_uri(path) && !o->as)
		return err_set(
		    err, ERR_INPUT, "say with --as what to call the key here");
	if (token_uri(path))
		return key_on_token(o, to, o->as, path, false, err);
	auto_fd int from = rite_parent(path, &base, err);
	if (from == -1)
		return -1;
	if (strlen(base) < 5 || strcmp(base + strlen(base) - 4, ".key") != 0)
		return err_set(err, ERR_INPUT, "%s: not NAME.key", path);
	name = mem_strn(base, strlen(base) - 4);
	if (!(seed = sodium_malloc(sizeof(*seed))))
		return err_set(err, ERR_SYSTEM, "no locked memory for keys");
	if (load_old(o, from, name, seed, err) == 0 &&
	    new_secret(o, o->as ? o->as : name, &pass, err) == 0 &&
	    key_write(to, o->as ? o->as : name, seed, o->demo ? NULL : &pass,
		(uid_t)-1, (gid_t)-1, err) == 0)
		rc = show(to, o->as ? o->as : name, err);
	sodium_free(seed);
	return rc;
}

/* --- list -------------------------------------------------------------- */

/* Which roles list it, as far as the farm's files are known. */
static void
show_roles(const struct change *c, const struct sig_public *pub)
{
	char id[HASH_HEX];
	bool any = false;

	tuf_keyid(pub, id);
	for (int f = PART_ROOT; c->now[PART_STABLE] && f <= PART_TARGETS; f++) {
		for (size_t i = 0; i < c->now[f]->nroles; i++) {
			const struct tuf_role *r = &c->now[f]->roles[i];

			for (size_t k = 0; k < r->nkeyids; k++) {
				if (strcmp(r->keyids[k], id) != 0)
					continue;
				printf("%s%s", any ? " " : "  ", r->name);
				any = true;
			}
		}
	}
	if (c->now[PART_STABLE] && !any)
		printf("  no role");
	putchar('\n');
}

static const char *const forms[] = {
	[KEY_SEALED] = "encrypted",
	[KEY_DEMO] = "demo     ",
	[KEY_TOKEN] = "token    ",
};

static int
list_dir(int dir, const char *shown, const struct change *c, struct err *err)
{
	auto_key_names struct key_names names = KEY_NAMES_INIT;

	if (key_names_read(dir, &names, err) == -1)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		char id[HASH_HEX];
		struct sig_public pub;
		enum key_form form;

		if (key_public(dir, names.v[i], &pub, err) == -1 ||
		    key_form_of(dir, names.v[i], &form, err) == -1)
			return -1;
		tuf_keyid(&pub, id);
		printf("%s%-16s %.16s %s", shown, names.v[i], id, forms[form]);
		show_roles(c, &pub);
	}
	return 0;
}

static int
key_list(const struct key_order *o, bool farm, struct err *err)
{
	struct rite r;
	int rc = -1;

	rite_init(&r);
	r.w.state = o->state;
	if (!farm) {
		auto_fd int dir = dir_open(o->dir, err);

		if (dir != -1)
			rc = list_dir(dir, "", &r.change, err);
	} else if (rite_open(&r, err) == 0 &&
		   list_dir(r.offline, "offline/", &r.change, err) == 0) {
		rc = list_dir(r.online, "online/", &r.change, err);
	}
	rite_release(&r);
	return rc;
}

/* --- the command ------------------------------------------------------- */

static int
run(struct key_order *o, int n, char **words, bool dir_named, struct err *err)
{
	if (secret_process(err) == -1)
		return -1;
	if (strcmp(words[0], "new") == 0 && n == 2)
		return key_new(o, words[1], err);
	if (strcmp(words[0], "import") == 0 && n == 2)
		return key_import(o, words[1], err);
	if (strcmp(words[0], "list") == 0 && n == 1)
		return key_list(o, !dir_named, err);
	return err_set(err, ERR_INPUT, "say new NAME, list, or import FILE");
}

int
cmd_key(int argc, char **argv)
{
	static const struct option options[] = {
		{ "state", required_argument, NULL, 's' },
		{ "dir", required_argument, NULL, 'd' },
		{ "as", required_argument, NULL, 'a' },
		{ "demo", no_argument, NULL, 'D' },
		{ "token", required_argument, NULL, 't' },
		KEY_OPTIONS,
		{ "new-passphrase-file", required_argument, NULL, 'n' },
		{ "new-passphrase-fd", required_argument, NULL, 'N' },
		{ NULL, 0, NULL, 0 },
	};
	struct key_order o = { .dir = ".",
		.access = KEY_ACCESS_INIT,
		.new_pass = { NULL, -1, CRED_NEW } };
	struct err err = ERR_INIT;
	bool dir_named = false;
	int c, rc = 0;

	while (rc == 0 &&
	       (c = getopt_long(argc, argv, "s:d:", options, NULL)) != -1) {
		if (c == 's')
			o.state = optarg;
		else if (c == 'd') {
			o.dir = optarg;
			dir_named = true;
		} else if (c == 'a')
			o.as = optarg;
		else if (c == 'D')
			o.demo = true;
		else if (c == 't')
			o.token = optarg;
		else if (c == 'n')
			o.new_pass.file = optarg;
		else if (c == 'N')
			rc = secret_fd_option(WHERE, &o.new_pass, optarg);
		else if (!key_access_option(&o.access, WHERE, c, &rc))
			rc = cli_usage(WHERE, "see --help");
	}
	if (rc != 0)
		return rc;
	if (optind == argc)
		return cli_usage(WHERE, "say new NAME, list, or import FILE");
	rc = run(&o, argc - optind, argv + optind, dir_named, &err);
	key_access_release(&o.access);
	return rc == 0 ? EXIT_DONE : cli_fail(WHERE, &err, false);
}
