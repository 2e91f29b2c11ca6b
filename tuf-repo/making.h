/*
 * A set in the making: what the service roles list and stands, of one
 * architecture, and whether that is whole.
 */
#ifndef KILN_MAKING_H
#define KILN_MAKING_H

#include <stdbool.h>

#include <jansson.h>

#include "lib/buf.h"
#include "tuf-repo/repo.h"

struct making {
	const char *arch;
	json_t *services; /* of the record, sorted by name */
	json_t *provides; /* object: interface -> true */
	json_t *needs;	  /* object: interface -> who needs it */
	struct hash vmlinuz, initrd;
	bool has_vmlinuz, has_initrd;
	/* Services that keep the set from being whole; owned. */
	char *unsigned_one; /* stands, but its role lacks signatures */
	char *gone;	    /* had releases, and none stands any more */
};

void making_init(struct making *, const char *arch);
void making_release(struct making *);
#define auto_making __attribute__((cleanup(making_release)))

/* Everything that stands, from the newest complete role of each service that
 * `targets` delegates. */
int making_collect(struct repo *, const struct tuf_file *targets,
    struct making *, struct err *) KILN_MUST;
/* May it become a set?  If not, `why` gets the reason in words. */
bool making_whole(const struct making *, struct buf *why);

#endif
