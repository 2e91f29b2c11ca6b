/*
 * Roles that end soon.  An offline one is told as soon as it may be signed
 * again, an online one when the farm should have done so and has not.
 */
#ifndef KILN_ALARM_H
#define KILN_ALARM_H

#include "tuf-repo/repo.h"
#include "tuf-repo/roles.h"

/* True: adds a sentence that says what ends, when, and what to do. */
bool alarm_text(const char *role, int64_t expires, int64_t now, struct buf *);
/* An event and a line of the log for each, once a day. */
int alarms_note(
    struct repo *, const struct tuf_file *targets, struct err *) KILN_MUST;

#endif
