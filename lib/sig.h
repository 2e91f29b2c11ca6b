/*
 * Ed25519 (RFC 8032), by libsodium and by its strict rules: non-canonical S,
 * non-canonical or small-order keys and small-order R are refused.
 */
#ifndef KILN_SIG_H
#define KILN_SIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"

#define SIG_HEX 129
#define KEY_HEX 65

struct sig_public {
	uint8_t b[32];
};
struct sig_seed {
	uint8_t b[32]; /* secret: wipe with sig_wipe */
};
struct sig {
	uint8_t b[64];
};

void sig_keypair(struct sig_seed *, struct sig_public *);
void sig_public_of(const struct sig_seed *, struct sig_public *);
bool sig_public_ok(const struct sig_public *); /* canonical, not small-order */
void sig_sign(const struct sig_seed *, const void *, size_t, struct sig *);
bool sig_verify(const struct sig_public *, const void *, size_t,
    const struct sig *) KILN_MUST;
void sig_wipe(struct sig_seed *);

#endif
