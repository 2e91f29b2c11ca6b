/*
 * kiln/origin as somebody else hands it over: what has to be built, and what
 * is said to come out.  Nothing in it is believed; it says what to try.
 */
#ifndef KILN_ORIGIN_READ_H
#define KILN_ORIGIN_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"

struct origin_output {
	const char *name;
	struct hash sha256;
	int64_t size;
};

struct origin_tree { /* of a recipe that asked for the plan */
	const char *recipe;
	struct hash tree, signature;
	bool is_signed;
};

struct origin_plan {
	struct hash plan, lock;
	const char *recipe;
	struct origin_output *outputs;
	size_t noutputs;
	struct origin_tree *trees; /* none in version 1 */
	size_t ntrees;
};

struct origin { /* strings are the JSON's */
	json_t *json;
	bool by_digest;
	struct hash digest;	   /* asked for by digest */
	const char *service;	   /* NULL: it is published by no name */
	struct origin_plan *plans; /* users last; the last is what is wanted */
	size_t nplans;
};

/* Strict; `what` names it in messages. */
int origin_read(struct origin *, const char *what, const void *, size_t,
    struct err *) KILN_MUST;
void origin_release(struct origin *); /* of zeros: nothing */

#endif
