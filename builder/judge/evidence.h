/*
 * What findings say by themselves, where no experiment can tell: things that
 * no preloaded library holds in every program.
 */
#ifndef KILN_EVIDENCE_H
#define KILN_EVIDENCE_H

#include <stdbool.h>

#include <jansson.h>

#include "builder/judge/lab.h"

/* Nothing but times, each one at which that side's run ran: of files it made.
 * (statx, and fstatat of libc 2.33, go past libfaketime.) */
bool evidence_file_times(
    const json_t *findings, const struct sample *a, const struct sample *b);
/* Nothing but names as mktemp makes them, each side with another.  (libc's
 * own mkdtemp asks the kernel past it.) */
bool evidence_random_names(const json_t *findings);
/* Does each finding of `b` stand where one of `a` does: the same path, and
 * the same line if it has one?  None in `b`: no. */
bool evidence_covers(const json_t *a, const json_t *b);

#endif
