/* `kiln-tuf delegate`: further services, to the key of this farm. */
#include <getopt.h>

#include "lib/cli.h"
#include "lib/own.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/keyring.h"
#include "tuf-repo/rite.h"
#include "tuf-repo/roles.h"

#define WORDS_MAX 512

static const struct option options[] = {
	RITE_OPTIONS,
	{ "service", required_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

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
	return rite_end(&r, where, delegate(&r, services, n, &err), &err);
}
