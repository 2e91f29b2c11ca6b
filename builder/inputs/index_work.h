/* What the files of the index worker share. */
#ifndef KILN_INDEX_WORK_H
#define KILN_INDEX_WORK_H

#include <stdbool.h>

#include "builder/inputs/debs.h"
#include "builder/inputs/dscs.h"
#include "lib/ipc.h"

#define INDEX_SUITES 32

#define INDEX_ARCHES 2 /* this machine's, and the one it builds for */

struct index_loaded {
	char *name, *arch;
	struct hash packages, sources;
	bool has_sources;
};

struct index_work {
	int sock;
	uint32_t id;
	struct debs *debs[INDEX_ARCHES]; /* NULL: nothing is loaded */
	char *arches[INDEX_ARCHES];
	struct dscs *dscs; /* NULL: without sources */
	struct index_loaded suites[INDEX_SUITES];
	size_t nsuites;
};

int index_answer(const struct index_work *, uint32_t type, const struct buf *,
    struct err *) KILN_MUST;
int index_done(const struct index_work *, struct err *) KILN_MUST;
int index_get_names(
    struct ipc_msg *, struct lock_names *, struct err *) KILN_MUST;
/* INDEX_RELEASE: reads a Release file whose signature was checked. */
int index_serve_release(
    const struct index_work *, struct ipc_msg *, struct err *) KILN_MUST;

#endif
