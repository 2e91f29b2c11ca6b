#include "web/fleet_cmd.h"

#include <stdio.h>
#include <string.h>

#include "lib/cli.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/account.h"
#include "web/ask.h"
#include "web/command.h"
#include "web/flaw.h"
#include "web/fleet.h"
#include "web/model.h"

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

/* --- a library's flaw ------------------------------------------------------*/

static void
print_words(const json_t *list)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
	    printf("%s%s", i ? "," : "", json_string_value(v));
}

static void
print_set(const json_t *s)
{
	const json_t *one;
	size_t i;

	printf("%s %lld %s, %lld routers: %s\n", m_str(s, "channel"),
	    (long long)m_int(s, "counter"), m_str(s, "arch"),
	    (long long)m_int(s, "routers"), m_str(s, "why"));
	json_array_foreach(json_object_get(s, "services"), i, one)
	{
		printf("  %-16s ", m_str(one, "service"));
		print_words(json_object_get(one, "versions"));
		if (json_is_true(json_object_get(one, "behind"))) {
			printf(" -> ");
			print_words(json_object_get(one, "newest_versions"));
		}
		printf("\n");
	}
}

/* One promotion for the channel, whatever its architectures.  The release key
 * decides; kiln-tuf shows its holder what to type. */
static int
ask_act(struct web *w, const json_t *set, struct err *err)
{
	auto_json json_t *argument = json_object();
	int64_t id;

	js_set_str(argument, "channel", m_str(set, "channel"));
	js_set_str(argument, "from", m_str(set, "from"));
	if (ask_json(w, "promote", argument, BY, &id, err) == -1 ||
	    audit_add(w->web, BY, "promote", m_str(set, "channel"), err) == -1)
		return -1;
	printf("asked, as request %lld: kiln-tuf promote --channel %s "
	       "--from %s\n",
	    (long long)id, m_str(set, "channel"), m_str(set, "from"));
	return 0;
}

static int
update(struct web *w, const char *package, bool ask, struct err *err)
{
	auto_json json_t *m = NULL, *asked = json_object();
	const json_t *s;
	size_t i;

	if (w->farm == NULL || w->tuf == NULL)
		return err_set(err, ERR_BUSY,
		    "the builder's or kiln-tuf's database is not there yet");
	if ((m = flaw_model(w, package, err)) == NULL)
		return -1;
	json_array_foreach(json_object_get(m, "sets"), i, s)
	{
		const char *channel = m_str(s, "channel");

		print_set(s);
		if (!m_str(s, "from")[0] || json_object_get(asked, channel))
			continue;
		js_set(asked, channel, json_true());
		if (ask && ask_act(w, s, err) == -1)
			return -1;
		if (!ask)
			printf("one act: kiln-tuf promote --channel %s --from "
			       "%s\n",
			    channel, m_str(s, "from"));
	}
	return 0;
}

static int
run(struct web *web, void *arg, struct err *err)
{
	static const struct {
		const char *word, *standing;
	} acts[] = { { "accept", "accepted" }, { "hold", "held" },
		{ "retire", "retired" } };
	const struct words *w = arg;
	const char *word = w->n ? w->v[0] : "";
	struct db *db = web->web;

	if (strcmp(word, "token") == 0 && w->n <= 3)
		return token(db, w, err);
	if (strcmp(word, "list") == 0 && w->n <= 2)
		return list(db, w->n > 1 ? w->v[1] : NULL, err);
	if (strcmp(word, "update") == 0 &&
	    (w->n == 2 || (w->n == 3 && strcmp(w->v[2], "ask") == 0)))
		return update(web, w->v[1], w->n == 3, err);
	for (size_t i = 0; i < ARRAY_LEN(acts); i++)
		if (strcmp(word, acts[i].word) == 0 && (w->n == 2 || w->n == 3))
			return fleet_set(db, w->v[1], acts[i].standing, BY,
			    w->n == 3 ? w->v[2] : "", err);
	return err_set(err, ERR_INPUT,
	    "fleet token [GROUP [LIFETIME]], list [STANDING], update PACKAGE "
	    "[ask], or accept, hold, retire DEVICE [REASON]");
}

int
fleet_main(const char *state, int argc, char **argv)
{
	struct words w = { argc - 1, argv + 1 };

	return web_command("kiln-web fleet", state, run, &w);
}
