/* Architectures as Debian names them, and what follows from a name. */
#ifndef KILN_ARCH_H
#define KILN_ARCH_H

#include <stddef.h>

#include "lib/attr.h"
#include "lib/err.h"

/* Of outputs that are the same for every architecture. */
#define ARCH_ALL "all"

/* This machine's; NULL: Debian has none for it. */
const char *arch_own(struct err *) KILN_MUST;
/* The name, for ever; NULL: none that is known. */
const char *arch_known(const char *name);
extern const char *arch_names[]; /* all that are known */
extern const size_t arch_count;
/* Of one that is known: "x86_64-linux-gnu", "/lib64/ld-linux-x86-64.so.2". */
const char *arch_triplet(const char *arch);
const char *arch_loader(const char *arch);

#endif
