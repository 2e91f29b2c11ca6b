#include "web/account_cmd.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cli.h"
#include "lib/drop.h"
#include "lib/farm.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/account.h"
#include "web/schema.h"

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

static int
run(struct db *db, int argc, char **argv, struct err *err)
{
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
	struct farm farm = FARM_INIT;
	auto_free char *path = NULL;
	auto_db struct db *db = NULL;
	struct err err = ERR_INIT;
	int rc = -1;

	/* The same uid as the server's: web.db has one writing uid. */
	if (sodium_init() == -1)
		err_set(&err, ERR_SYSTEM, "libsodium does not start");
	else if (farm_enter(&farm, state, NULL, false, &err) == 0 &&
		 drop_to(ROLE_WEB, &err) == 0) {
		path = farm_file(&farm, "web.db");
		db = db_open(path, web_migrations, web_migrations_count, &err);
		if (db)
			rc = run(db, argc, argv, &err);
	}
	db_close(db);
	db = NULL;
	farm_release(&farm);
	return rc == -1 ? cli_fail("kiln-web account", &err, false) : EXIT_DONE;
}
