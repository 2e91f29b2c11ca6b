/*
 * From a question to the bytes that would be signed: all the rules about what
 * a signer says at all stand here.  Holds no key and reads no JSON.
 */
#ifndef KILN_SIGNER_TEXT_H
#define KILN_SIGNER_TEXT_H

#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/ipc.h"

struct signer_text {
	struct buf bytes;
	const char *key; /* whose signature; its name in keys/online */
	char *entry;	 /* the journal's word for it; NULL: none is made */
	int64_t version;
};
#define SIGNER_TEXT_INIT          \
	{                         \
		.bytes = BUF_INIT \
	}
#define auto_signer_text __attribute__((cleanup(signer_text_release)))
void signer_text_release(struct signer_text *);

/* Fills an empty one; consumes the message.  `now`: the signer's clock. */
int signer_text(struct ipc_msg *, int64_t now, struct signer_text *,
    struct err *) KILN_MUST;

#endif
