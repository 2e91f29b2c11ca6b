/*
 * Compressed and delta forms of an image, for the way to a router
 * (docs/formats.md, "transport").
 *
 * A file is a sequence of zstd frames, each of 2 MiB of the new image (the
 * last may be shorter), made with at most 4 MiB of the old image around the
 * same place as prefix.  Before them stands a head in a frame that zstd
 * skips: sizes and digests of both images, and length and SHA-256 of each
 * frame.  Without an old image the file is plain zstd that any tool unpacks.
 *
 * The head is vouched for by metadata (its length and SHA-256 are in
 * `custom`) and each frame by the head, so a decoder may go on where it
 * stopped, and nothing that was not verified reaches the decompressor.
 * Decoding needs less than 12 MiB whatever the file says.
 */
#ifndef KILN_DELTA_H
#define KILN_DELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"

#define DELTA_FRAME (2 << 20)
#define DELTA_WINDOW (4 << 20)
#define DELTA_IMAGE_MAX ((int64_t)4 << 30)
#define DELTA_FRAMES (DELTA_IMAGE_MAX / DELTA_FRAME)
#define DELTA_HEAD_MAX (8 + 104 + 36 * DELTA_FRAMES)

struct delta_frame {
	uint32_t length; /* bytes in the file; 0: the old bytes at this place */
	struct hash sha256; /* of those; of the old bytes when 0 */
	int64_t at;	    /* where they begin in the file */
};

struct delta {
	int64_t new_size, old_size; /* old_size -1: no old image */
	struct hash new_sha256, old_sha256;
	struct delta_frame *frames;
	size_t nframes;
	size_t head_size; /* bytes in the file before the first frame */
	int64_t size;	  /* of the whole file */
};
#define DELTA_INIT                             \
	{                                      \
		.old_size = -1, .frames = NULL \
	}
#define auto_delta __attribute__((cleanup(delta_release)))
void delta_release(struct delta *);

/* --- making ------------------------------------------------------------- */

struct delta_made {
	struct hash sha256, head_sha256; /* of the file; of its head */
	int64_t size;
	size_t head_size;
};

/*
 * Writes into `out`, an empty regular file.  `old` -1: compressed alone.
 * The same bytes for the same images, level and library.
 */
int delta_make(int new, int old, int out, int level, struct delta_made *,
    struct err *) KILN_MUST;

/* --- applying ----------------------------------------------------------- */

/*
 * Bytes from the beginning of a file, which must hold the whole head.
 * `expected`: the head's digest, or NULL when the file as a whole was
 * verified.  ERR_TRUST if it differs; ERR_INPUT for every other defect.
 */
int delta_read_head(struct delta *, const void *, size_t,
    const struct hash *expected, struct err *) KILN_MUST;
/* Bytes of the new image that frame i gives. */
size_t delta_frame_size(const struct delta *, size_t i);

struct delta_decoder; /* the buffers and the decompressor */
struct delta_decoder *delta_decoder_new(void) KILN_MUST;
void delta_decoder_free(struct delta_decoder *);
static inline void
delta_decoder_own(struct delta_decoder **d)
{
	delta_decoder_free(*d);
}
#define auto_delta_decoder __attribute__((cleanup(delta_decoder_own)))

/* Frame i, from its `length` bytes; `old` is the old image or -1.  Writes at
 * its place in `out`. */
int delta_apply_frame(struct delta_decoder *, const struct delta *, size_t i,
    const void *bytes, size_t, int old, int out, struct err *) KILN_MUST;
/*
 * A whole file into `out`, an empty regular file, which at the end is hashed:
 * ERR_TRUST unless it is the image that the head names.
 */
int delta_apply(int file, int old, int out, const struct hash *head_sha256,
    struct err *) KILN_MUST;

#endif
