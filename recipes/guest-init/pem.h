/*
 * PEM in one printable line: a configuration disk holds no line ends, and
 * YAML folds a certificate into words.
 */
#ifndef GUEST_INIT_PEM_H
#define GUEST_INIT_PEM_H

#include <stdio.h>

#include "recipes/guest-init/guest.h"

/*
 * Writes the blocks of `text` to `out`, in lines as OpenSSL reads them.  Each
 * must be a `label`, such as CERTIFICATE, or end with a blank and `label`.
 */
int pem_write(const char *what, const char *text, const char *label, FILE *out,
    struct fault *);

#endif
