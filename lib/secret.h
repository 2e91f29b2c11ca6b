/* What lets somebody in: 32 random bytes as hex.  Databases keep digests. */
#ifndef KILN_SECRET_H
#define KILN_SECRET_H

#include "lib/hash.h"

#define SECRET_TEXT 65 /* 32 random bytes as hex, and NUL */

void secret_new(char out[SECRET_TEXT]);
/* What a database knows of it. */
void secret_digest(const char *secret, char hex[HASH_HEX]);

#endif
