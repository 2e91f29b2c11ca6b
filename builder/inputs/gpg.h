/*
 * Signatures of an archive, by gpgv and an archive keyring.
 *
 * Good is: gpgv exits 0, so that no signature in the file is bad or by an
 * unknown key, and at least one is valid, by a key that has neither expired
 * nor been revoked, over SHA-256 or better.
 */
#ifndef KILN_GPG_H
#define KILN_GPG_H

#include "lib/attr.h"
#include "lib/err.h"

#define DEBIAN_KEYRING "/usr/share/keyrings/debian-archive-keyring.gpg"

/* `signed_fd`: an InRelease file; its signed text, and nothing else of it,
 * is written to `text_fd`, which must be empty. */
int gpg_verify(
    int signed_fd, const char *keyring, int text_fd, struct err *) KILN_MUST;

#endif
