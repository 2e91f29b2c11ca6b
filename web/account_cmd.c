#include "web/account_cmd.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/num.h"
#include "web/account.h"
#include "web/command.h"

/* One line of standard input: from a pipe or a password manager. */
static int
read_password(char *out, size_t n, struct err *err)
{
	if (isatty(STDIN_FILENO))
		fputs("password (it is shown): ", stderr);
	if (fgets(out, (int)n, stdin) == NULL)
		return err_set(
		    err, ERR_INPUT, "a password is read from standard input");
	if (strlen(out) == n - 1)
		return err_set(err, ERR_INPUT, "the password is too long");
	out[strcspn(out, "\n")] = '\0';
	return 0;
}

struct words {
	int n;
	char **v;
};

static int
run(struct web *web, void *arg, struct err *err)
{
	const struct words *w = arg;
	struct db *db = web->web;
	char **argv = w->v;
	int argc = w->n;
	char secret[SECRET_TEXT], password[256];
	int64_t lifetime;
	int rc;

	if (argc == 4 && strcmp(argv[1], "set") == 0) {
		if (read_password(password, sizeof(password), err) == -1)
			return -1;
		rc = account_set(db, argv[2], rank_of(argv[3]), password, err);
		sodium_memzero(password, sizeof(password));
		return rc;
	}
	if (argc == 5 && strcmp(argv[1], "token") == 0) {
		if (num_duration(argv[4], &lifetime, err) == -1 ||
		    account_token(db, argv[2], rank_of(argv[3]), lifetime,
			secret, err) == -1)
			return -1;
		puts(secret);
		return 0;
	}
	return err_set(err, ERR_INPUT,
	    "account set NAME ROLE, or account token NAME SCOPE LIFETIME");
}

int
account_main(const char *state, int argc, char **argv)
{
	struct words w = { argc, argv };

	return web_command("kiln-web account", state, run, &w);
}
