/*
 * Signatures by ECDSA and RSA keys, for `tuf-client` alone: repositories of
 * other projects use them, kiln's own never do, and kiln-agent itself trusts
 * Ed25519 only.  The check is OpenSSL's libcrypto, loaded when the first such
 * key is met; where it is not installed, such keys never count.
 *
 * ecdsa-sha2-nistp256 and -nistp384; rsassa-pss-sha256, -sha384, -sha512;
 * rsa-pkcs1v15-sha256, -sha384, -sha512 (2048 bits at least).  PEM keys.
 */
#ifndef KILN_AGENT_FOREIGN_H
#define KILN_AGENT_FOREIGN_H

#include "lib/tuf_check.h"

tuf_verify_fn foreign_verify;

#endif
