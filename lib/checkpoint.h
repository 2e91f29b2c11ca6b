/*
 * What a log says of itself: a C2SP checkpoint (its name, how many entries,
 * the root of their tree) as a C2SP signed note (Ed25519).  No JSON: the
 * signer links this.
 */
#ifndef KILN_CHECKPOINT_H
#define KILN_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/sig.h"

#define NOTE_MAX 65536
#define NOTE_NAME_MAX 200
/* Logs of farms: this, then 64 hex digits. */
#define CHECKPOINT_ORIGIN "kiln/log/"

/* Adds a signature line to a note.  `name` has neither blanks nor '+'. */
void note_sign(struct buf *note, const char *name, const struct sig_public *,
    const struct sig *);
/*
 * A note with a good signature by one of the keys, under whatever name it
 * bears; others are passed over.  *text, with its newline, is a part of the
 * note; *key says which.  ERR_INPUT: no note; ERR_TRUST: no such signature.
 */
int note_open(const void *, size_t, const struct sig_public *keys, size_t nkeys,
    struct span *text, struct span *name, size_t *key, struct err *) KILN_MUST;

struct checkpoint {
	char origin[NOTE_NAME_MAX];
	int64_t size; /* entries */
	struct hash root;
};

/* What is signed; the note begins with it and an empty line. */
void checkpoint_text(const struct checkpoint *, struct buf *);
/* As note_open; signed under its own name. */
int checkpoint_open(const void *, size_t, const struct sig_public *keys,
    size_t nkeys, struct checkpoint *, struct err *) KILN_MUST;

#endif
