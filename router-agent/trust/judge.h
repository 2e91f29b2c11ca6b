/*
 * Between the files of the rules: a judgement under way, and how it ends in a
 * refusal.  Only trust/rules*.c come here.
 */
#ifndef AGENT_JUDGE_H
#define AGENT_JUDGE_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "router-agent/set.h"
#include "router-agent/trust/rules.h"

struct judge {
	const struct rules *r;
	struct set *out;
	char *word;
	struct err *err;
	const json_t *custom[SET_SERVICES]; /* by index of out->services */
};

/* The word and the sentence; always -1. */
int refuse(struct judge *, const char *word, const char *fmt, ...)
    KILN_PRINTF(3, 4);
/* Something below failed that has no word yet. */
int refuse_below(struct judge *);

/* A text of `custom` that must be there and fit. */
int take_text(struct judge *, const char *what, const json_t *custom,
    const char *key, char *out, size_t room);
#define TAKE_TEXT(j, what, custom, key, array) \
	take_text(j, what, custom, key, array, sizeof(array))

/* The rules that every image and kernel must pass. */
int take_file(struct judge *, const char *service, const struct hash *digest,
    const char *type, struct set_file *out, json_t **custom, int64_t *keys,
    int64_t *serial);
/* Providers before who needs them; refused unless all needs are met. */
int take_order(struct judge *);
/* Its ports, volumes and options. */
int take_serves(struct judge *, const json_t *custom, struct set_service *);
int take_probes(struct judge *, const json_t *custom, struct set_service *);

#endif
