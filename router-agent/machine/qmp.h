/*
 * The protocol of QEMU's monitor, as far as needed: one JSON object a line.
 * QEMU may be in its guest's hands, so this runs in the machine's own watcher
 * and every line has a limit.
 */
#ifndef AGENT_QMP_H
#define AGENT_QMP_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

#define QMP_LINE 65536

enum qmp_kind { QMP_GREETING, QMP_RETURN, QMP_ERROR, QMP_EVENT };

struct qmp_message {
	enum qmp_kind kind;
	char text[64]; /* event's name, or the error's class */
};

/* Lines put together from what reads return. */
struct qmp_reader {
	struct buf line;
};
void qmp_reader_release(struct qmp_reader *);
/*
 * Takes bytes off the front of *data.  1: a message; 0: more bytes needed;
 * -1: not QMP, or a line over the limit.
 */
int qmp_next(struct qmp_reader *, struct span *data, struct qmp_message *,
    struct err *) KILN_MUST;
/* {"execute":"NAME"} and a line end. */
void qmp_command(struct buf *, const char *name);

#endif
