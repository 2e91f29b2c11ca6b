/* rooms: web web/pages web/api */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "web/html.h"
#include "web/route.h"

static void
html_escapes_every_value(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct html h;

	(void)state;
	html_init(&h, &b);
	html_element(&h, "p", "<script>'&\"\x1b[31m\x7f", "title",
	    "\"><img src=x>", NULL);
	html_end(&h);
	assert_string_equal(b.data, "<!doctype html>\n"
				    "<p title=\"&quot;&gt;&lt;img src=x&gt;\">"
				    "&lt;script&gt;&#39;&amp;&quot;"
				    "\xef\xbf\xbd[31m\xef\xbf\xbd</p>\n");
}

static void
html_leaves_out_absent_attributes(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct html h;

	(void)state;
	html_init(&h, &b);
	html_element(&h, "a", NULL, "href", NULL, "class", "x", NULL);
	assert_string_equal(b.data, "<!doctype html>\n<a class=\"x\"></a>");
}

static void
html_link_escapes_its_path(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct html h;

	(void)state;
	html_init(&h, &b);
	html_link(&h, "x", "/recipe/%s", "\"onclick=\"");
	assert_null(strstr(b.data, "\"onclick"));
}

/* --- routes -------------------------------------------------------------- */

static void
nothing(struct req *req, struct reply *re)
{
	(void)req;
	(void)re;
}

#define ROUTE(m, p)                                          \
	{                                                    \
		.method = (m), .pattern = (p), .fn = nothing \
	}

static const struct route routes[] = {
	ROUTE("GET", "/"),
	ROUTE("GET", "/build/*"),
	ROUTE("GET", "/build/*/log"),
	ROUTE("GET", "/tuf/**"),
	ROUTE("POST", "/api/v1/report"),
	{ 0 },
};

static const struct route *
find(const char *method, const char *path, struct req *req, const char **known)
{
	*req = (struct req){ .method = method, .path = path };
	return route_find(routes, req, known);
}

static void
route_star_takes_one_component(void **state)
{
	struct req req;
	const char *known;

	(void)state;
	assert_ptr_equal(find("GET", "/build/7", &req, &known), &routes[1]);
	assert_string_equal(req.part[0], "7");
	assert_ptr_equal(find("GET", "/build/7/log", &req, &known), &routes[2]);
	assert_null(find("GET", "/build/", &req, &known));
	assert_null(find("GET", "/build/7/8", &req, &known));
	assert_null(known);
}

static void
route_two_stars_take_the_rest_but_never_climb(void **state)
{
	static const char *const bad[] = { "/tuf/../farm.db", "/tuf/a/../b",
		"/tuf//a", "/tuf/.hidden", "/tuf/a/", "/tuf/", "/tuf/a\x01" };
	struct req req;
	const char *known;
	size_t i;

	(void)state;
	assert_ptr_equal(
	    find("GET", "/tuf/a/b.json", &req, &known), &routes[3]);
	assert_string_equal(req.part[0], "a/b.json");
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_null(find("GET", bad[i], &req, &known));
}

static void
route_tells_a_wrong_method_from_a_wrong_path(void **state)
{
	struct req req;
	const char *known;

	(void)state;
	assert_null(find("GET", "/api/v1/report", &req, &known));
	assert_string_equal(known, "POST");
	assert_null(find("DELETE", "/nowhere", &req, &known));
	assert_null(known);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(html_escapes_every_value),
		cmocka_unit_test(html_leaves_out_absent_attributes),
		cmocka_unit_test(html_link_escapes_its_path),
		cmocka_unit_test(route_star_takes_one_component),
		cmocka_unit_test(route_two_stars_take_the_rest_but_never_climb),
		cmocka_unit_test(route_tells_a_wrong_method_from_a_wrong_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
