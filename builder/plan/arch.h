/* Architectures as Debian names them, and what follows from a name. */
#ifndef KILN_ARCH_H
#define KILN_ARCH_H

#include "lib/attr.h"
#include "lib/err.h"

/* Of outputs that are the same for every architecture. */
#define ARCH_ALL "all"

/* This machine's; NULL: Debian has none for it. */
const char *arch_own(struct err *) KILN_MUST;
/* The name, for ever; NULL: none that is known. */
const char *arch_known(const char *name);
/* All that are known. */
#define ARCHES 4
void arch_every(const char *names[ARCHES]);
/* Of one that is known: "x86_64-linux-gnu", "/lib64/ld-linux-x86-64.so.2". */
const char *arch_triplet(const char *arch);
const char *arch_loader(const char *arch);

#endif
