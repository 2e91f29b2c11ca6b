/*
 * For cmocka tests of tuf_check: a repository of one version each and a client
 * that is brought, step by step, to trust it.  The calls assert.
 */
#ifndef KILN_TUFCLIENT_H
#define KILN_TUFCLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/tuf_check.h"
#include "tests/support/tuf/tufmake.h"

#define NOW 1900000000 /* 2030 */
#define PAST "2029-01-01T00:00:00Z"

enum { KROOT, KTS, KSN, KTG, KA, KB, KC, KEYS = 12 };
extern struct tufmake_key keys[KEYS];

/* A repository of one version each, and a client that has not begun. */
struct repo {
	json_t *root, *timestamp, *snapshot, *targets;
	struct buf b;
	struct tuf_trust *t;
	struct err err;
};

int tufclient_keys(void **state);
int tufclient_setup(void **state);
int tufclient_teardown(void **state);
int give_root(struct repo *r, unsigned first, size_t n);
int trust_root(struct repo *r);
int give_timestamp(struct repo *r, bool stored, bool *kept);
int give_snapshot(struct repo *r, bool stored, bool *final);
int give_targets(struct repo *r);
void ok(struct repo *r, int rc);
void refused(struct repo *r, int rc, const char *word);
void root_stands(struct repo *r);
void timestamp_stands(struct repo *r);
void snapshot_stands(struct repo *r);
void everything_stands(struct repo *r);

#define T(f) \
	cmocka_unit_test_setup_teardown(f, tufclient_setup, tufclient_teardown)

#endif
