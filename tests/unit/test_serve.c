/* rooms: recipes/microhttpd recipes/guest-init/guest.c */
/* The body of a request, as the services that speak HTTP take it in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/microhttpd/serve.h"

#define MAX 8

/* As libmicrohttpd calls: headers, each piece, the end. */
static const struct asked *
told(void **state, const char *const *pieces)
{
	enum MHD_Result meanwhile = MHD_NO;
	size_t n = 0;

	assert_false(asked_whole(state, MAX, NULL, &n, &meanwhile));
	assert_int_equal(meanwhile, MHD_YES);
	for (; *pieces != NULL; pieces++) {
		n = strlen(*pieces);
		meanwhile = MHD_NO;
		assert_false(asked_whole(state, MAX, *pieces, &n, &meanwhile));
		assert_int_equal(meanwhile, MHD_YES);
		assert_int_equal(n, 0); /* else the library closes */
	}
	assert_true(asked_whole(state, MAX, NULL, &n, &meanwhile));
	return *state;
}

static void
over(void **state)
{
	asked_over(NULL, NULL, state, MHD_REQUEST_TERMINATED_COMPLETED_OK);
	assert_null(*state);
}

static void
pieces_become_one_body(void **state)
{
	const char *const pieces[] = { "one", "two", "34", NULL };
	const struct asked *a;
	void *request = NULL;

	(void)state;
	a = told(&request, pieces);
	assert_int_equal(a->n, MAX); /* the limit may be reached */
	assert_memory_equal(a->body, "onetwo34", MAX);
	assert_false(a->large);
	over(&request);
}

static void
no_body_is_no_memory(void **state)
{
	const char *const pieces[] = { NULL };
	const struct asked *a;
	void *request = NULL;

	(void)state;
	a = told(&request, pieces);
	assert_null(a->body);
	assert_int_equal(a->n, 0);
	over(&request);
}

static void
what_is_over_the_limit_is_dropped_to_its_end(void **state)
{
	const char *const pieces[] = { "12345", "6789", "0", NULL };
	const struct asked *a;
	void *request = NULL;

	(void)state;
	a = told(&request, pieces);
	assert_true(a->large);
	assert_int_equal(a->n, 5);
	over(&request);
}

static void
a_request_that_ends_before_its_headers_has_nothing_to_free(void **state)
{
	void *request = NULL;

	(void)state;
	over(&request);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_become_one_body),
		cmocka_unit_test(no_body_is_no_memory),
		cmocka_unit_test(what_is_over_the_limit_is_dropped_to_its_end),
		cmocka_unit_test(
		    a_request_that_ends_before_its_headers_has_nothing_to_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
