/*
 * WHAT of `kiln reproduce WHAT`: 64 hex digits are an artifact, digits alone
 * a build, an http(s) URL the page of one of the two, anything else a file:
 * *.kiln is a bundle, another is looked up by its hash.
 */
#ifndef KILN_WISH_H
#define KILN_WISH_H

#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"

enum wish_kind { WISH_DIGEST, WISH_RUN, WISH_BUNDLE, WISH_FILE };

struct wish {
	enum wish_kind kind;
	struct hash digest; /* WISH_DIGEST; of a file once it is read */
	int64_t run;	    /* WISH_RUN */
	char *from; /* of a page: the server's URL, with a slash; or NULL */
	const char *path; /* WISH_BUNDLE, WISH_FILE; borrowed */
};

#define WISH_INIT                \
	{                        \
		.kind = WISH_RUN \
	}
#define auto_wish __attribute__((cleanup(wish_release)))

/* Opens nothing.  ERR_INPUT: a URL of something else. */
int wish_parse(struct wish *, const char *what, struct err *) KILN_MUST;
void wish_release(struct wish *);
/* A server's URL as --from has it: http(s), no query; a slash is added. */
int wish_from(const char *url, char **out, struct err *) KILN_MUST;

#endif
