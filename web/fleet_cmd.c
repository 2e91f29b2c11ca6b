#include "web/fleet_cmd.h"

#include <stdio.h>
#include <string.h>

#include "lib/cli.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/command.h"
#include "web/fleet.h"

#define BY "command line"

struct words {
	int n;
	char **v; /* v[0]: what to do */
};

static int
list(struct db *db, const char *standing, struct err *err)
{
	static const char sql[] =
	    "SELECT id, standing, fleet_group, seen_at FROM router"
	    " WHERE ?1 IS NULL OR standing = ?1 ORDER BY standing, id";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	char seen[TIME_TEXT];
	int got;

	if (standing && !fleet_standing_ok(standing))
		return err_set(err, ERR_INPUT,
		    "%s: waiting, accepted, held or retired", standing);
	stmt_bind_str(q, 1, standing);
	while ((got = stmt_step(q, err)) == 1) {
		const char *group = stmt_str(q, 2);

		time_text(stmt_int(q, 3), seen);
		printf("%s %-8s %-12s %s\n", stmt_str(q, 0), stmt_str(q, 1),
		    group[0] ? group : "-",
		    stmt_int(q, 3) ? seen : "never heard of");
	}
	return got;
}

static int
token(struct db *db, const struct words *w, struct err *err)
{
	char secret[SECRET_TEXT];
	int64_t lifetime = FLEET_TOKEN_S;

	if ((w->n > 2 && num_duration(w->v[2], &lifetime, err) == -1) ||
	    fleet_token(
		db, BY, w->n > 1 ? w->v[1] : "", lifetime, secret, err) == -1)
		return -1;
	puts(secret);
	return 0;
}

static int
run(struct db *db, void *arg, struct err *err)
{
	static const struct {
		const char *word, *standing;
	} acts[] = { { "accept", "accepted" }, { "hold", "held" },
		{ "retire", "retired" } };
	const struct words *w = arg;
	const char *word = w->n ? w->v[0] : "";

	if (strcmp(word, "token") == 0 && w->n <= 3)
		return token(db, w, err);
	if (strcmp(word, "list") == 0 && w->n <= 2)
		return list(db, w->n > 1 ? w->v[1] : NULL, err);
	for (size_t i = 0; i < ARRAY_LEN(acts); i++)
		if (strcmp(word, acts[i].word) == 0 && (w->n == 2 || w->n == 3))
			return fleet_set(db, w->v[1], acts[i].standing, BY,
			    w->n == 3 ? w->v[2] : "", err);
	return err_set(err, ERR_INPUT,
	    "fleet token [GROUP [LIFETIME]], list [STANDING], or accept, hold, "
	    "retire DEVICE [REASON]");
}

int
fleet_main(const char *state, int argc, char **argv)
{
	struct words w = { argc - 1, argv + 1 };

	return web_command("kiln-web fleet", state, run, &w);
}
