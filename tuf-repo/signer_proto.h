/*
 * What kiln-tuf and its signer say to each other over a SOCK_SEQPACKET pair
 * (lib/ipc.h).  One question, one answer, in order.  Fields are counted and
 * there is no JSON on the signer's side: timestamp, snapshot and brake it
 * writes itself from these fields; of other roles it is given the canonical
 * bytes and reads no more than their fixed beginning and end.
 *
 *   SIGN_TIMESTAMP i64 version, expires, signed_at; i64 version, i64 length,
 *                  hash of snapshot.json
 *   SIGN_SNAPSHOT  i64 version, expires, signed_at; u32 n, then n times
 *                  str name ("targets.json"), i64 version, i64 length, hash
 *   SIGN_BRAKE     i64 version, expires; u32 n, then n times
 *                  str path, i64 length, hash
 *   SIGN_ROLE      str role, i64 version; a sealed memory file (lib/sealed.h)
 *                  of at most SIGNER_BYTES_MAX
 *   SIGN_STATEMENT i64 length; a sealed memory file of so many bytes, at most
 *                  SIGNER_STATEMENT_MAX: an in-toto Statement of ours.  What
 *                  is signed is its DSSE encoding (lib/dsse.h), which the
 *                  signer makes and which no role's bytes can be; since
 *                  statements have no versions, its journal is not asked.
 *   SIGN_CHECKPOINT hash of the first root, i64 size, hash root: of the log of
 *                  statements, whose text the signer writes (lib/checkpoint.h).
 *                  Its journal keeps one size from standing for two roots.
 * Answers:
 *   SIGNED         u32 n, then n times bytes public key (32), bytes
 *                  signature (64): one for each generation of the key
 *   REFUSED        u32 class of error, str sentence
 * Names come sorted bytewise, without repeats.
 */
#ifndef KILN_SIGNER_PROTO_H
#define KILN_SIGNER_PROTO_H

#include "lib/num.h"
#include "tuf-repo/roles.h"

enum signer_message {
	SIGN_TIMESTAMP = 1,
	SIGN_SNAPSHOT,
	SIGN_BRAKE,
	SIGN_ROLE,
	SIGNED,
	REFUSED,
	SIGN_STATEMENT,
	SIGN_CHECKPOINT,
};

#define SIGNER_ENTRIES_MAX 1024
#define SIGNER_NAME_MAX 200
#define SIGNER_BYTES_MAX 5000000 /* as much as a client reads */
/* Descriptors of `kiln-tuf -x signer`. */
#define SIGNER_SOCKET 3
#define SIGNER_KEYS 4 /* keys/online */
#define SIGNER_PASS 5 /* the passphrase, read to its end; may be missing */
#define SIGNER_STATEMENT_MAX 4000000
#define SIGNER_KEYS_MAX 16 /* generations of one key */
/* It refuses a signing time this far ahead of its own clock: routers without
 * a clock raise their floor by it. */
#define SIGNER_AHEAD 600

#endif
