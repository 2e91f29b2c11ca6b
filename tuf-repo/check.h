/*
 * A published tree judged as a stranger sees it: the client workflow of the
 * specification, then what a repository must keep (tuf.md, checklists 6 and
 * 9), then what kiln's own roles promise.  Knows nothing but the tree.
 */
#ifndef KILN_CHECK_H
#define KILN_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/tuf_check.h"
#include "tuf-repo/source.h"

struct check {
	int64_t now;		/* Unix seconds; set by the caller */
	const struct buf *root; /* trusted root; NULL: the tree's 1.root.json */
	struct source *before;	/* what clients have seen so far, or NULL */
	/* Targets whose bytes were judged before: only their length is looked
	 * at.  NULL: every byte is read. */
	bool (*known)(void *arg, const struct tuf_target *);
	void *known_arg;

	json_t *findings; /* [{"where","text"}]: what is wrong */
	json_t *notes;	  /* [{"where","text"}]: what one should know */
	json_t *walked;	  /* {role: delegator}, in the order of the walk */
	json_t *roles;	  /* [{"role","version","expires","threshold",
			   *   "keys","signed_by","length"}] */
	int64_t targets, target_bytes; /* looked at */
	struct tuf_trust *trust;
	struct source *src;
};

#define CHECK_INIT       \
	{                \
		.now = 0 \
	}

/* -1: the tree could not be looked at at all; findings are no error. */
int check_tree(struct check *, struct source *, struct err *) KILN_MUST;
void check_release(struct check *);

void check_find(struct check *, const char *where, const char *fmt, ...)
    KILN_PRINTF(3, 4);
void check_note(struct check *, const char *where, const char *fmt, ...)
    KILN_PRINTF(3, 4);
/* dir/HASH.name of a target; free it. */
char *check_target_name(const struct tuf_target *) KILN_MUST;

/* Anything but "the source cannot be read just now" becomes a finding. */
int check_find_err(struct check *, const char *where, struct err *) KILN_MUST;
/* An accepted role into the list, with what its dates say. */
void check_add_role(struct check *, const char *name,
    const struct tuf_file *delegator, const struct tuf_file *, size_t length);

/* check_walk.c: targets and all below it. */
int check_delegations(struct check *, struct err *) KILN_MUST;
/* check_roles.c: the rules for one accepted role file. */
void check_root_rules(struct check *, const struct tuf_file *);
void check_targets_rules(struct check *, const struct tuf_file *);
void check_role_rules(
    struct check *, const char *role, const struct tuf_file *);
/* … and for what it delegates. */
void check_delegation_rules(
    struct check *, const char *role, const struct tuf_file *);
/* check_sets.c: does each set name only images that a router would take? */
int check_sets(struct check *, struct err *) KILN_MUST;

#endif
