/*
 * Limits of a running build, enforced from outside: what is inside may be
 * busy filling the machine.
 */
#ifndef KILN_WATCH_H
#define KILN_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/sandbox.h"
#include "lib/spawn.h"

struct limits {
	int64_t wall_ms, silence_ms;
	int64_t log, output; /* bytes */
	int64_t disk;	     /* bytes of all it writes in its folders … */
	int64_t files;	     /* … and entries of them */
	int64_t memory;	     /* bytes, resident, of all processes */
	int processes;	     /* with threads */
	int64_t disk_free;   /* bytes that must stay free */
};

struct watched {
	const char *cause; /* why we killed it, or NULL */
	bool stopped;	   /* … because we were told to stop */
	int64_t cpu_ms, max_rss_kib;
	int64_t log_bytes;
	struct spawn_end end;
	bool ran;
};

/*
 * Copies what it says from `pipe` to `log` until every process is dead.
 * `outdir` is where outputs grow, `builddir` where it works.  Releases child
 * and jail.  Not 0: the
 * machine failed; everything inside is dead then, too.
 */
int watch(struct child *, struct sandbox_jail *, int pipe, int log, int outdir,
    int builddir, const struct limits *, const atomic_bool *stop,
    struct watched *, struct err *) KILN_MUST;

#endif
