/* rooms: tests/support/tuf */
/* Delegations and the search through them (TUF 5.6, 5.6.7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tests/support/tuf/tufclient.h"

/* Delegated files by role name, and the order in which they were asked for. */
struct tree {
	struct repo *r;
	struct {
		const char *name;
		json_t *j;
	} files[40];
	size_t n;
	unsigned key;
	struct buf asked;
};

static json_t *
file_of(struct tree *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->files[i].name, name) == 0)
			return t->files[i].j;
	t->files[t->n].name = name;
	return t->files[t->n++].j = tufmake_targets(1);
}

static void
delegate(struct tree *t, const char *from, const char *to, bool terminating,
    const char *path)
{
	json_t *j =
	    strcmp(from, "targets") == 0 ? t->r->targets : file_of(t, from);

	file_of(t, to);
	tufmake_delegate(j, to, &keys[KA], 1, 1, terminating, path);
}

static int
need(void *arg, const char *role, const char *parent, struct err *err)
{
	struct tree *t = arg;

	buf_printf(&t->asked, "%s ", role);
	tufmake_sign(file_of(t, role), &keys[KA], 1, &t->r->b);
	return tuf_accept_targets(
	    t->r->t, role, parent, t->r->b.data, t->r->b.len, err);
}

static void
tree_stands(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		tufmake_snapshot_add(t->r->snapshot, t->files[i].name, 1, NULL);
	everything_stands(t->r);
}

static void
tree_release(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		json_decref(t->files[i].j);
	buf_release(&t->asked);
}

/* `who`: the role that lists it; NULL: nobody. */
static void
search_gives(
    struct tree *t, const char *path, const char *who, const char *asked)
{
	const struct tuf_target *found = NULL;
	const char *role = NULL;

	buf_clear(&t->asked);
	ok(t->r, tuf_find(t->r->t, path, need, t, &found, &role, &t->r->err));
	if (who) {
		assert_non_null(found);
		assert_string_equal(role, who);
		assert_string_equal(found->path, path);
	} else {
		assert_null(found);
	}
	assert_string_equal(t->asked.data, asked);
}

static void
tuf_5_6_7_1_search_is_pre_order_by_appearance(void **state)
{
	struct tree t = { .r = *state, .asked = BUF_INIT };

	delegate(&t, "targets", "A", false, "*");
	delegate(&t, "targets", "B", false, "*");
	delegate(&t, "A", "C", false, "*");
	delegate(&t, "A", "D", false, "*");
	delegate(&t, "C", "E", false, "*");
	tree_stands(&t);
	search_gives(&t, "x", NULL, "A C E D B ");
	search_gives(&t, "x", NULL, ""); /* nothing is asked for twice */
	tree_release(&t);
}

static void
tuf_5_6_7_1_first_in_order_supplies_the_target(void **state)
{
	struct tree t = { .r = *state, .asked = BUF_INIT };

	delegate(&t, "targets", "A", false, "*");
	delegate(&t, "targets", "B", false, "*");
	delegate(&t, "A", "C", false, "*");
	tufmake_target(file_of(&t, "C"), "x", "from C");
	tufmake_target(file_of(&t, "B"), "x", "from B");
	tree_stands(&t);
	search_gives(&t, "x", "C", "A C ");
	tree_release(&t);
}

static void
tuf_5_6_7_5_terminating_stops_siblings_of_the_whole_chain(void **state)
{
	struct tree t = { .r = *state, .asked = BUF_INIT };

	delegate(&t, "targets", "A", false, "*");
	delegate(&t, "targets", "B", false, "*");
	delegate(&t, "A", "C", true, "*");
	delegate(&t, "A", "D", false, "*");
	delegate(&t, "C", "E", false, "*");
	tree_stands(&t);
	search_gives(&t, "x", NULL, "A C E ");
	tree_release(&t);
}

static void
tuf_5_6_7_5_terminating_counts_only_where_its_paths_match(void **state)
{
	struct tree t = { .r = *state, .asked = BUF_INIT };

	delegate(&t, "targets", "A", true, "a/*");
	delegate(&t, "targets", "B", false, "*/*");
	tufmake_target(file_of(&t, "B"), "a/x", "evil");
	tufmake_target(file_of(&t, "B"), "b/x", "fine");
	tree_stands(&t);
	search_gives(&t, "b/x", "B", "B ");
	search_gives(&t, "a/x", NULL, "A ");
	tree_release(&t);
}

static void
tuf_5_6_7_4_a_role_is_entered_only_where_every_link_matches(void **state)
{
	struct tree t = { .r = *state, .asked = BUF_INIT };

	delegate(&t, "targets", "A", false, "a/*");
	delegate(&t, "A", "B", false, "*/*");
	tufmake_target(file_of(&t, "B"), "b/x", "outside of A's paths");
	tree_stands(&t);
	search_gives(&t, "b/x", NULL, "");
	tree_release(&t);
}

static void
tuf_5_6_7_2_a_cycle_ends(void **state)
{
	struct tree t = { .r = *state, .asked = BUF_INIT };

	delegate(&t, "targets", "A", false, "*");
	delegate(&t, "A", "B", false, "*");
	delegate(&t, "B", "A", false, "*");
	tree_stands(&t);
	search_gives(&t, "x", NULL, "A B ");
	tree_release(&t);
}

/* Going round would use up the search before it comes to C. */
static void
tuf_5_6_7_2_a_cycle_hides_no_sibling(void **state)
{
	struct tree t = { .r = *state, .asked = BUF_INIT };

	delegate(&t, "targets", "A", false, "*");
	delegate(&t, "A", "B", false, "*");
	delegate(&t, "B", "A", false, "*");
	delegate(&t, "targets", "C", false, "*");
	tufmake_target(file_of(&t, "C"), "x", "after the cycle");
	tree_stands(&t);
	search_gives(&t, "x", "C", "A B C ");
	tree_release(&t);
}

static void
tuf_5_6_7_3_at_most_32_roles_are_searched(void **state)
{
	static char names[36][16];
	struct tree t = { .r = *state, .asked = BUF_INIT };
	size_t asked = 0;

	for (int i = 0; i < 36; i++) {
		snprintf(names[i], sizeof(names[i]), "r%d", i);
		delegate(&t, "targets", names[i], false, "*");
	}
	tufmake_target(file_of(&t, "r35"), "x", "too far");
	tree_stands(&t);
	{
		const struct tuf_target *found;
		const char *role;

		ok(t.r,
		    tuf_find(t.r->t, "x", need, &t, &found, &role, &t.r->err));
		assert_null(found);
	}
	for (const char *p = t.asked.data; *p; p++)
		asked += *p == ' ';
	assert_int_equal(asked, TUF_ROLES_MAX - 1); /* and targets itself */
	tree_release(&t);
}

static void
tuf_5_6_7_6_a_role_that_cannot_be_verified_ends_the_search(void **state)
{
	struct tree t = { .r = *state, .asked = BUF_INIT };
	const struct tuf_target *found;
	const char *role;

	delegate(&t, "targets", "A", false, "*");
	delegate(&t, "targets", "B", false, "*");
	tufmake_target(file_of(&t, "B"), "x", "from B");
	js_set_str(file_of(&t, "A"), "expires", PAST);
	tree_stands(&t);
	refused(t.r, tuf_find(t.r->t, "x", need, &t, &found, &role, &t.r->err),
	    "freeze");
	assert_string_equal(t.asked.data, "A ");
	tree_release(&t);
}

static void
tuf_5_6_3_a_role_is_trusted_by_its_delegators_keys_not_by_its_name(void **state)
{
	struct tree t = { .r = *state, .asked = BUF_INIT };
	const struct tuf_target *found;
	const char *role;

	/* A delegates C to key A; B delegates the same name to key B. */
	delegate(&t, "targets", "A", false, "a");
	delegate(&t, "targets", "B", false, "b");
	delegate(&t, "A", "C", false, "a");
	tufmake_delegate(file_of(&t, "B"), "C", &keys[KB], 1, 1, false, "b");
	tufmake_target(file_of(&t, "C"), "a", "yes");
	tufmake_target(file_of(&t, "C"), "b", "not by A's word");
	tree_stands(&t);
	search_gives(&t, "a", "C", "A C ");
	refused(t.r, tuf_find(t.r->t, "b", need, &t, &found, &role, &t.r->err),
	    "threshold");
	tree_release(&t);
}

static void
tuf_5_6_3_delegated_threshold_of_two_of_three(void **state)
{
	struct repo *r = *state;
	auto_json json_t *svc = tufmake_targets(1);
	struct tufmake_key twice[2] = { keys[KA], keys[KROOT] };

	tufmake_delegate(r->targets, "svc", &keys[KA], 3, 2, true, "*");
	tufmake_snapshot_add(r->snapshot, "svc", 1, NULL);
	everything_stands(r);
	tufmake_sign(svc, &keys[KA], 1, &r->b);
	refused(r,
	    tuf_accept_targets(
		r->t, "svc", "targets", r->b.data, r->b.len, &r->err),
	    "1 of 2");
	tufmake_sign(svc, twice, 2, &r->b);
	refused(r,
	    tuf_accept_targets(
		r->t, "svc", "targets", r->b.data, r->b.len, &r->err),
	    "1 of 2");
	tufmake_sign(svc, &keys[KB], 2, &r->b);
	ok(r, tuf_accept_targets(
		  r->t, "svc", "targets", r->b.data, r->b.len, &r->err));
	assert_int_equal(tuf_keys_signed(tuf_role(r->t, "targets"), "svc",
			     tuf_role(r->t, "svc")),
	    2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(tuf_5_6_7_1_search_is_pre_order_by_appearance),
		T(tuf_5_6_7_1_first_in_order_supplies_the_target),
		T(tuf_5_6_7_5_terminating_stops_siblings_of_the_whole_chain),
		T(tuf_5_6_7_5_terminating_counts_only_where_its_paths_match),
		T(tuf_5_6_7_4_a_role_is_entered_only_where_every_link_matches),
		T(tuf_5_6_7_2_a_cycle_ends),
		T(tuf_5_6_7_2_a_cycle_hides_no_sibling),
		T(tuf_5_6_7_3_at_most_32_roles_are_searched),
		T(tuf_5_6_7_6_a_role_that_cannot_be_verified_ends_the_search),
		T(tuf_5_6_3_a_role_is_trusted_by_its_delegators_keys_not_by_its_name),
		T(tuf_5_6_3_delegated_threshold_of_two_of_three),
	};

	return cmocka_run_group_tests(tests, tufclient_keys, NULL);
}
