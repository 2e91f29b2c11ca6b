#include "tuf-repo/own_key.h"

#include <getopt.h>
#include <string.h>

#include "lib/cli.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tuf-repo/rite.h"

#define SUFFIX ".key"

int
own_key_options(struct own_key *o, const char *where, int argc, char **argv,
    int words, const char *say)
{
	static const struct option options[] = {
		KEY_OPTIONS,
		{ "key", required_argument, NULL, 'k' },
		{ "out", required_argument, NULL, 'o' },
		{ "yes", no_argument, NULL, 'y' },
		{ NULL, 0, NULL, 0 },
	};
	int c, rc = 0;

	while (rc == 0 &&
	       (c = getopt_long(argc, argv, "k:o:y", options, NULL)) != -1) {
		if (c == 'k')
			o->key = optarg;
		else if (c == 'o')
			o->out = optarg;
		else if (c == 'y')
			o->yes = true;
		else if (!key_access_option(&o->access, where, c, &rc))
			rc = cli_usage(where, "see --help");
	}
	if (rc == 0 && (argc - optind != words || !o->key || !o->out))
		rc = cli_usage(where, "%s", say);
	return rc;
}

void
own_key_release(struct own_key *o)
{
	key_access_release(&o->access);
}

int
own_key_file(const struct own_key *o, char **name, struct err *err)
{
	const char *base;
	auto_fd int dir = rite_parent(o->key, &base, err);
	size_t n;

	if (dir == -1)
		return -1;
	n = strlen(base);
	if (n <= strlen(SUFFIX) ||
	    strcmp(base + n - strlen(SUFFIX), SUFFIX) != 0)
		return err_set(err, ERR_INPUT, "%s: not NAME.key", o->key);
	*name = mem_strn(base, n - strlen(SUFFIX));
	return take_fd(&dir);
}

int
own_key_sign(struct own_key *o, const struct buf *message,
    struct sig_public *key, struct sig *sig, struct err *err)
{
	auto_free char *name = NULL;

	if (strncmp(o->key, "pkcs11:", 7) == 0)
		return key_token_sign(
		    o->key, &o->access, message, key, sig, err);
	auto_fd int dir = own_key_file(o, &name, err);
	if (dir == -1)
		return -1;
	return key_sign(dir, name, &o->access, message, key, sig, err);
}
