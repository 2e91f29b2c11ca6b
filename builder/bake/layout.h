/*
 * The folder of one run, work/run-ID: inputs copied from the store, and the
 * places the build may write.
 *
 *   in/N    each input file, with the recipe's clock as its time
 *   build/  /build
 *   out/    /out
 *
 * Inputs are mounted one by one into empty folders of memory, in the lane's
 * order: that is the order in which a folder lists them.
 */
#ifndef KILN_LAYOUT_H
#define KILN_LAYOUT_H

#include <stddef.h>

#include "builder/bake/lane.h"
#include "builder/plan/plan.h"
#include "lib/attr.h"
#include "lib/err.h"
#include "lib/sandbox.h"
#include "lib/store.h"

struct layout {
	int workdir; /* borrowed: work/ */
	char *name;  /* of the run's folder in it */
	char *path;  /* absolute */
	int outdir, builddir;
	struct sandbox_bind *binds;
	size_t nbinds, capbinds;
	char **texts; /* owned words of the binds */
	size_t ntexts, captexts;
	size_t ninputs;
};

#define LAYOUT_INIT                                         \
	{                                                   \
		.workdir = -1, .outdir = -1, .builddir = -1 \
	}
#define auto_layout __attribute__((cleanup(layout_release)))

/* `work_path`: workdir as bwrap reaches it.  Each input is hashed while it is
 * copied: ERR_TRUST if the store's copy rotted. */
int layout_make(struct layout *, int workdir, const char *work_path, int64_t id,
    const struct plan *, const struct lane *, struct store *,
    struct err *) KILN_MUST;
/* Closes; the folder stays. */
void layout_release(struct layout *);
/* Removes a run's folder, whatever is in it. */
int layout_remove(struct layout *, struct err *) KILN_MUST;
/* At start: removes the folders of all runs that a killed predecessor
 * left. */
int layout_recover(int workdir, struct err *) KILN_MUST;

#endif
