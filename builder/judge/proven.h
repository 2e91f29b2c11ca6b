/*
 * What was measured and proven of an image, or of programs that have none, by
 * somebody who ran it: an in-toto Statement v1 with the predicate test-result
 * (docs/formats.md, "proof").  It is a claim of whoever may write the farm's
 * records: unsigned, and no release rests on it.
 */
#ifndef KILN_PROVEN_H
#define KILN_PROVEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/store.h"

#define PROVEN_MAX ((size_t)256 << 10) /* bytes of a statement */
#define PROVEN_SUBJECTS 64
#define PROVEN_TESTS 2000 /* of either kind */
#define PROVEN_PARTS 64

struct proven {
	struct buf text;    /* canonical */
	struct hash digest; /* of it */
	json_t *json;	    /* owns the strings below */
	struct hash subject[PROVEN_SUBJECTS];
	size_t nsubjects;
	const char *script; /* file name of what asked */
	const char *arch;
	const char *accel;  /* "tcg", "kvm"; NULL: it ran in no machine, and */
	struct hash kernel; /* … these mean nothing: vmlinuz, */
	int64_t memory;	    /* bytes given, */
	int64_t answer_ms;  /* from starting QEMU to the first answer, */
	int64_t least;	    /* bytes with which it still answers */
	size_t passed, failed;
	int64_t at; /* Unix seconds */
};
#define PROVEN_INIT          \
	{                    \
		.json = NULL \
	}

/* Strict and canonical; `what` names it in errors.  ERR_INPUT. */
int proven_read(const char *what, const void *, size_t, struct proven *,
    struct err *) KILN_MUST;
void proven_release(struct proven *);
#define auto_proven __attribute__((cleanup(proven_release)))

/*
 * ERR_INPUT when its subjects are not outputs of one run of this farm, built
 * for that architecture, or its kernel is none that this farm built.
 */
int proven_check(struct db *, struct store *, const char *what,
    const struct proven *, struct err *) KILN_MUST;
/* All of them into the store and farm.db, or none; *fresh of them were not
 * there yet. */
int proven_record(struct db *, struct store *, const struct proven *, size_t n,
    size_t *fresh, struct err *) KILN_MUST;

#endif
