/*
 * In which other forms an image can be had: compressed, or as the difference
 * from one that is here.  They are targets of the role `transport`, looked up
 * by the verifier; that there are none is no failure, since an image can
 * always be had as it is.
 */
#ifndef AGENT_FORMS_H
#define AGENT_FORMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/ipc.h"
#include "router-agent/set.h"

#define FORM_TARGET 384 /* transport/SERVICE/ARCH/HEX.from.HEX */
#define FORMS_MAX ((size_t)2 * (SET_SERVICES + 2))

struct form {
	struct hash image; /* what it becomes */
	bool from;	   /* with `old`, which must be here */
	struct hash old;
	struct set_file file; /* the form itself: target, digest, size */
	struct hash head;     /* SHA-256 of its head */
};
struct forms {
	struct form at[FORMS_MAX];
	size_t n;
};

/* An image that is wanted, and the one of the same service that is here. */
struct form_pair {
	const char *service;
	struct hash new, old;
	int64_t size;
	bool has_old;
};

struct tuf_target;
struct form_source {
	/* as of struct rules */
	int (*find)(void *arg, const char *path, const struct tuf_target **,
	    const char **role, struct err *);
	void *arg;
	const char *arch;
};
/* Adds what there is for it, the smaller first; whatever fails adds nothing. */
void forms_find(
    struct forms *, const struct form_source *, const struct form_pair *);

void forms_send(const struct forms *, struct buf *fields);
int forms_receive(struct ipc_msg *, struct forms *, struct err *) KILN_MUST;

#endif
