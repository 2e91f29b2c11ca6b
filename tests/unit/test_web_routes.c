/* rooms: web web/pages web/api */
/*
 * Every route with every role, asked of a running server, where reading is
 * public and where it takes an account.  out/routes.md is the page of it.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "tests/support/webrows.h"
#include "web/account.h"
#include "web/dispatch.h"

#define ROUTES_MAX 128
#define PAGE "routes.md" /* in out/ */

static struct db *web_db;
static char token[RANK_COUNT][SECRET_TEXT];
static bool seen[2][ROUTES_MAX][RANK_COUNT]; /* by who may read, public first */

static int
start(void **state, bool accounts_only)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *path = NULL;
	struct err err = ERR_INIT;

	webfarm.accounts_only = accounts_only;
	group_setup(state);
	if (http_get(&a, "/healthz", "") != 200)
		return -1;
	path = farm_file(&webfarm.farm, "web.db");
	web_db = db_open(path, web_migrations, web_migrations_count, &err);
	if (web_db == NULL)
		webfarm_die("web.db", &err);
	/* A token of the widest scope does what its account may. */
	for (int r = RANK_VIEWER; r < RANK_COUNT; r++) {
		const char *name = rank_name((enum rank)r);

		if (account_set(web_db, name, (enum rank)r, "correct horse",
			&err) == -1 ||
		    account_token(
			web_db, name, RANK_ADMIN, 3600, token[r], &err) == -1)
			webfarm_die(name, &err);
	}
	return 0;
}

static int
start_public(void **state)
{
	return start(state, false);
}

static int
start_by_account(void **state)
{
	return start(state, true);
}

static int
stop(void **state)
{
	db_close(web_db);
	return group_teardown(state);
}

/* Stars become names of nothing; what matters is who is let in. */
static void
fill(const char *pattern, char *out, size_t n)
{
	size_t at = 0;

	for (; *pattern && at + 8 < n; pattern++)
		if (*pattern != '*')
			out[at++] = *pattern;
		else if (at == 0 || out[at - 1] != 'x')
			out[at++] = 'x';
	out[at] = '\0';
}

static bool
is_let_in(const struct route *r, int who)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *bearer =
	    who ? mem_printf("Authorization: Bearer %s\r\n", token[who])
		: mem_str("");
	char path[300];

	fill(r->pattern, path, sizeof(path));
	http_ask(&a, r->method, path, bearer,
	    strcmp(r->method, "POST") == 0 ? "{}" : NULL, 2);
	if (a.status == 0 || a.status >= 500)
		/* No database of the builder's; and hooks have no secret. */
		assert_true(a.status == 503);
	return !(a.status == 401 ||
		 (a.status == 403 && strstr(a.body.data, "may not do that")) ||
		 (a.status == 303 &&
		     strcmp(http_header(&a, "Location"), "/login") == 0));
}

static void
look(bool accounts_only)
{
	size_t i;

	for (i = 0; dispatch_routes[i].pattern; i++) {
		const struct route *r = &dispatch_routes[i];
		int need = (int)r->need;

		assert_true(i < ROUTES_MAX);
		if (need == RANK_NOBODY && accounts_only && !r->open)
			need = RANK_VIEWER;
		for (int who = RANK_NOBODY; who < RANK_COUNT; who++) {
			bool in;

			/* Streams do not end: only refusals are asked for. */
			if (strstr(r->pattern, "events") && who >= need)
				in = true;
			else
				in = is_let_in(r, who);
			if (in != (who >= need))
				fail_msg("%s %s as %s: %s", r->method,
				    r->pattern,
				    who ? rank_name((enum rank)who) : "nobody",
				    in ? "let in" : "kept out");
			seen[accounts_only][i][who] = in;
		}
	}
}

static void
each_route_lets_in_who_it_names(void **state)
{
	(void)state;
	look(false);
}

static void
where_reading_takes_an_account_only_machines_read_without(void **state)
{
	static const char *const closed[] = { "/", "/builds", "/build/1",
		"/fleet", "/metrics", "/feed.atom", "/index.json",
		"/builds.json", "/api/v1/now", "/all-builds" };
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *h =
	    mem_printf("Authorization: Bearer %s\r\n", token[RANK_VIEWER]);
	size_t i;

	(void)state;
	look(true);
	for (i = 0; i < ARRAY_LEN(closed); i++) {
		int status = http_get(&a, closed[i], "");

		if (status != 401 && status != 303)
			fail_msg("%s: %d", closed[i], status);
		assert_null(strstr(a.body.data, "dns-dhcp"));
		if (http_get(&a, closed[i], h) >= 400)
			fail_msg("%s as viewer: %d", closed[i], a.status);
	}
	/* What old clients ask for, too. */
	http_get(&a, "/", "Accept: application/json\r\n");
	assert_int_equal(a.status, 401);
	assert_int_equal(http_get(&a, "/tuf/metadata/timestamp.json", ""), 200);
	auto_free char *blob = mem_printf("/blob/%s", image);

	assert_int_equal(http_get(&a, blob, ""), 401);
	assert_int_equal(http_get(&a, blob, h), 200);
}

/* --- the page --------------------------------------------------------------*/

static void
write_page(struct buf *b)
{
	buf_str(b, "# Who may ask for what\n\n"
		   "Each address of kiln-web with each role, as "
		   "tests/unit/test_web_routes.c found it on a running server. "
		   "A token does what both its\nscope and its account may. The "
		   "last column is for farms where reading takes an account "
		   "(`web.reading: accounts` of kiln.yaml(5)). Devices,\n"
		   "rebuilders and hooks prove by a signature or a secret who "
		   "they are, whatever the role.\n\n"
		   "| method | address | nobody | viewer | operator | admin | "
		   "nobody, by account |\n|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; dispatch_routes[i].pattern; i++) {
		const struct route *r = &dispatch_routes[i];

		buf_printf(b, "| %s | `%s` |", r->method, r->pattern);
		for (int who = RANK_NOBODY; who < RANK_COUNT; who++)
			buf_str(b, seen[0][i][who] ? " yes |" : " no |");
		buf_printf(
		    b, " %s |\n", seen[1][i][RANK_NOBODY] ? "yes" : "no");
	}
}

static void
a_page_says_what_was_seen(void **state)
{
	auto_buf struct buf page = BUF_INIT, kept = BUF_INIT;
	struct err err = ERR_INIT;
	auto_fd int top = dir_make_at(AT_FDCWD, "out", 0755, &err);

	(void)state;
	write_page(&page);
	assert_int_equal(
	    file_write_at(top, PAGE, page.data, page.len, 0644, &err), 0);
	assert_non_null(strstr(
	    page.data, "| POST | `/operate` | no | no | yes | yes | no |"));
	assert_non_null(strstr(page.data,
	    "| GET | `/tuf/targets/**` | yes | yes | yes | yes | yes |"));
	assert_non_null(strstr(
	    page.data, "| GET | `/build/*` | yes | yes | yes | yes | no |"));
	assert_int_equal(file_read("out/" PAGE, 1 << 20, &kept, &err), 0);
	assert_string_equal(kept.data, page.data);
}

int
main(void)
{
	const struct CMUnitTest open[] = {
		cmocka_unit_test(each_route_lets_in_who_it_names),
	};
	const struct CMUnitTest closed[] = {
		cmocka_unit_test(
		    where_reading_takes_an_account_only_machines_read_without),
		cmocka_unit_test(a_page_says_what_was_seen),
	};
	int bad = cmocka_run_group_tests(open, start_public, stop);

	return cmocka_run_group_tests(closed, start_by_account, stop) + bad;
}
