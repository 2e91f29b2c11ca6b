/*
 * A bundle, NAME.kiln: all that a reproduction wants in one file, so that it
 * works without a network (docs/formats.md, "bundle").
 *
 * An uncompressed ustar archive with nothing in it of the day or the machine:
 *
 *   bundle.json    kiln/bundle: name, SHA-256 and size of each other member
 *   origin.json    kiln/origin
 *   metadata/NAME  TUF metadata that names the image, if it is published
 *   blobs/HEX      artifacts
 *
 * The list decides what every byte of the file is: headers and padding too.
 */
#ifndef KILN_BUNDLE_H
#define KILN_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/store.h"

#define BUNDLE_INDEX "bundle.json"
#define BUNDLE_ORIGIN "origin.json"
#define BUNDLE_METADATA "metadata/"
#define BUNDLE_BLOBS "blobs/"
#define BUNDLE_INDEX_MAX ((size_t)16 << 20)
#define BUNDLE_TEXT_MAX ((int64_t)16 << 20) /* of what is no blob */
#define BUNDLE_MEMBERS 50000

struct bundle_member {
	char *name;
	struct hash sha256;
	int64_t size;
	struct buf text; /* of what is no blob */
};

struct bundle {
	struct bundle_member *v; /* sorted by name, origin.json first */
	size_t n, cap;
	struct buf origin; /* once it is read */
};
#define BUNDLE_INIT                \
	{                          \
		.origin = BUF_INIT \
	}
#define auto_bundle __attribute__((cleanup(bundle_release)))
void bundle_release(struct bundle *);

/* --- making one --- */

void bundle_add_text(struct bundle *, const char *name, const struct buf *);
/* Unless it is in already. */
int bundle_add_blob(struct bundle *, struct store *, const struct hash *,
    struct err *) KILN_MUST;
/* Each artifact is hashed on its way: ERR_TRUST names one that is damaged. */
int bundle_write(
    struct bundle *, struct store *, int fd, struct err *) KILN_MUST;

/* --- taking one --- */

/*
 * Reads a whole file, and puts its artifacts into the store.  ERR_TRUST names
 * the member that is not what the list says, down to the last byte; ERR_INPUT:
 * it is no bundle.  `tmpdir`: for unnamed files.
 */
int bundle_take(struct bundle *, int fd, struct store *, int tmpdir,
    struct err *) KILN_MUST;
/* A tuf_get over its metadata; the argument is the bundle. */
int bundle_metadata(void *bundle, const char *url, int64_t limit,
    struct buf *out, int *status, struct err *) KILN_MUST;

/* The header of a member, as the writer makes it. */
#define BUNDLE_BLOCK 512
int bundle_header(const char *name, int64_t size, char out[BUNDLE_BLOCK],
    struct err *) KILN_MUST;
/* The list: canonical. */
int bundle_index(const struct bundle *, struct buf *, struct err *) KILN_MUST;

#endif
