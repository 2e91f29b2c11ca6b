#include "tests/support/tuf/tufclient.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mem.h"

struct tufmake_key keys[KEYS];

int
tufclient_keys(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KEYS; i++)
		tufmake_key(&keys[i], i);
	return 0;
}

static json_t *
plain_root(int64_t version)
{
	json_t *j = tufmake_root(version);

	tufmake_root_role(j, "root", &keys[KROOT], 1, 1);
	tufmake_root_role(j, "timestamp", &keys[KTS], 1, 1);
	tufmake_root_role(j, "snapshot", &keys[KSN], 1, 1);
	tufmake_root_role(j, "targets", &keys[KTG], 1, 1);
	return j;
}

int
tufclient_setup(void **state)
{
	struct repo *r = mem_zero(1, sizeof(*r));

	buf_init(&r->b);
	r->root = plain_root(1);
	r->timestamp = tufmake_timestamp(1, 1, NULL);
	r->snapshot = tufmake_snapshot(1);
	tufmake_snapshot_add(r->snapshot, "targets", 1, NULL);
	r->targets = tufmake_targets(1);
	r->t = tuf_trust_new(NOW);
	*state = r;
	return 0;
}

int
tufclient_teardown(void **state)
{
	struct repo *r = *state;

	json_decref(r->root);
	json_decref(r->timestamp);
	json_decref(r->snapshot);
	json_decref(r->targets);
	buf_release(&r->b);
	tuf_trust_free(r->t);
	free(r);
	return 0;
}

/* Signs by `n` keys from `first` on and offers; the calls below do so too. */
int
give_root(struct repo *r, unsigned first, size_t n)
{
	tufmake_sign(r->root, &keys[first], n, &r->b);
	return tuf_accept_root(r->t, r->b.data, r->b.len, &r->err);
}

int
trust_root(struct repo *r)
{
	tufmake_sign(r->root, &keys[KROOT], 1, &r->b);
	return tuf_trust_root(r->t, r->b.data, r->b.len, &r->err);
}

int
give_timestamp(struct repo *r, bool stored, bool *kept)
{
	tufmake_sign(r->timestamp, &keys[KTS], 1, &r->b);
	return tuf_accept_timestamp(
	    r->t, r->b.data, r->b.len, stored, kept, &r->err);
}

int
give_snapshot(struct repo *r, bool stored, bool *final)
{
	tufmake_sign(r->snapshot, &keys[KSN], 1, &r->b);
	return tuf_accept_snapshot(
	    r->t, r->b.data, r->b.len, stored, final, &r->err);
}

int
give_targets(struct repo *r)
{
	tufmake_sign(r->targets, &keys[KTG], 1, &r->b);
	return tuf_accept_targets(
	    r->t, "targets", "root", r->b.data, r->b.len, &r->err);
}

void
ok(struct repo *r, int rc)
{
	if (rc == -1)
		print_error("%s\n", r->err.msg);
	assert_int_equal(rc, 0);
}

/* Refused as not trusted, with `word` in the sentence. */
void
refused(struct repo *r, int rc, const char *word)
{
	assert_int_equal(rc, -1);
	if (!strstr(r->err.msg, word))
		print_error("\"%s\" lacks \"%s\"\n", r->err.msg, word);
	assert_non_null(strstr(r->err.msg, word));
	assert_int_equal(r->err.cls, ERR_TRUST);
	err_clear(&r->err);
}

void
root_stands(struct repo *r)
{
	ok(r, trust_root(r));
	ok(r, tuf_root_done(r->t, &r->err));
}

void
timestamp_stands(struct repo *r)
{
	bool kept;

	root_stands(r);
	ok(r, give_timestamp(r, false, &kept));
	assert_false(kept);
}

void
snapshot_stands(struct repo *r)
{
	bool final;

	timestamp_stands(r);
	ok(r, give_snapshot(r, false, &final));
	assert_true(final);
}

void
everything_stands(struct repo *r)
{
	snapshot_stands(r);
	ok(r, give_targets(r));
}
