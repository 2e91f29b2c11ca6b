/*
 * What is asked for again and again, ready to be sent: each published metadata
 * file, and our own static ones, whole and as "not modified", as it is and
 * compressed where that pays.
 *
 * A published file is replaced by renaming and never written in its place, so
 * device, inode, size and times tell whether it is still the same; that is
 * asked for each request.
 */
#ifndef KILN_WEB_HOT_H
#define KILN_WEB_HOT_H

#include <stdbool.h>

#include "lib/attr.h"
#include "web/req.h"

#define HOT_FILES 64		 /* kept */
#define HOT_FILE_MAX (256 << 10) /* of larger ones only the digest is kept */

/* In the order in which we would rather send them. */
enum hot_coding { HOT_ZSTD, HOT_GZIP, HOT_PLAIN, HOT_CODINGS };

struct hot_form {
	struct MHD_Response *whole, *same; /* NULL: this one does not pay */
	char etag[80];			   /* without quotes */
};

struct hot {
	char name[256];
	uint64_t device, inode;
	int64_t size, changed_ns, modified_ns;
	char digest[HASH_HEX];
	struct hot_form form[HOT_CODINGS]; /* all empty: it is too large */
};

/* The file of that name below dirfd, if it is kept and still the same; NULL
 * else. */
const struct hot *hot_look(struct web *, int dirfd, const char *name);
/* Keeps it as it was opened: fd's bytes have that digest. */
const struct hot *hot_keep(struct web *, const char *name, int fd,
    const char *digest, const struct reply *);
/* Forms of bytes that live as long as we do. */
void hot_make(struct hot *, const void *, size_t, const struct reply *);
void hot_release(struct hot *);
void hot_free(struct web *);

/* The one to send to who accepts these codings (RFC 9110 12.5.3; NULL: no
 * header). */
enum hot_coding hot_choose(const struct hot *, const char *accept);

#endif
