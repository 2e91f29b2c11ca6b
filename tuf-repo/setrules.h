/*
 * What a set must be before this farm publishes it, whoever signed it: it
 * names only what the services' own roles list now, each image as its own
 * service's, none of it withdrawn; and its counter was never another set's.
 */
#ifndef KILN_SETRULES_H
#define KILN_SETRULES_H

#include <stdbool.h>

#include <jansson.h>

#include "tuf-repo/repo.h"

#define SET_MAX (256 * 1024) /* bytes; routers read no longer one */

/* Reads a kiln/set that is published as `path`.  New reference. */
json_t *set_read(
    const char *path, const void *, size_t, struct err *) KILN_MUST;
/* ERR_TRUST names the image that may not stand in it, and why. */
int set_judge(struct repo *, const json_t *set, struct err *) KILN_MUST;
/* Everything that a sets role of a ceremony lists. */
int sets_role_judge(
    struct repo *, const struct tuf_file *, struct err *) KILN_MUST;
/* Puts the sets of an accepted role on record. */
int sets_role_note(
    struct repo *, const struct tuf_file *, struct err *) KILN_MUST;
/* A row for one set; there already is fine. */
int set_note(struct repo *, const json_t *set, const struct hash *,
    struct err *) KILN_MUST;
/* The highest counter of the channel and architecture; 0: none yet. */
int set_counter(struct repo *, const char *channel, const char *arch, int64_t *,
    struct err *) KILN_MUST;

#endif
