/*
 * kiln/release: what the builder hands over (docs/formats.md).  Read
 * strictly; nothing in it is believed before the verdict and the bytes in the
 * store agree with it.
 */
#ifndef KILN_RELEASE_H
#define KILN_RELEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/store.h"

#define RELEASE_MAX (256 * 1024)
#define RELEASE_TARGETS 2
#define TARGET_PATH_MAX 256

struct release_target {
	struct hash sha256;
	int64_t size;
	json_t *custom; /* borrowed from record */
};

struct release {
	struct hash digest;
	json_t *record;
	const char *service, *recipe, *arch, *version; /* into record */
	const char *type; /* of its targets: vm, kernel, agent */
	bool kernel;	  /* two targets: vmlinuz and initrd; else one */
	struct hash plan, verdict;
	struct release_target targets[RELEASE_TARGETS];
	size_t ntargets;
};

#define RELEASE_INIT           \
	{                      \
		.record = NULL \
	}
#define auto_release __attribute__((cleanup(release_clear)))

int release_parse(
    struct release *, const void *, size_t, struct err *) KILN_MUST;
void release_clear(struct release *);

/* images/SERVICE/ARCH/HEX */
void release_path(
    const struct release *, size_t target, char out[TARGET_PATH_MAX]);
/*
 * Is all of it in the store: the verdict record, which must say `reproduced`
 * for this plan and name each target as an output, the SBOM, and each target
 * with its hash and size?  ERR_MISSING or ERR_TRUST.
 */
int release_verify(
    const struct release *, struct store *, struct err *) KILN_MUST;

#endif
