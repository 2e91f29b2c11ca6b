/*
 * Filing a request: a row of web.db that kiln-builder or kiln-tuf takes and
 * judges for itself.  Nothing happens here.  What came of a request other
 * than `poll` stands in `asked` of the taker's database under the same id,
 * within seconds while it runs.  Of kiln-tuf's a `halt` is carried out as a
 * brake, everything else waits for the release key and `command` says what
 * its holder types.
 *
 *   kind             argument
 *   poll             why, as text: a hook's name
 *   cancel, retry    {"run","reason"}: of a build
 *   halt             {"channel","reason"[,"arch"][,"counter"]}
 *   promote, start   {"channel","from"[,"counter"]}
 *   resume           {"channel"}
 *   waves            {"channel","waves":[{"after_h","percent"}...]}
 */
#ifndef KILN_WEB_ASK_H
#define KILN_WEB_ASK_H

#include "web/req.h"

#define ASK_ARGUMENT_MAX 2048 /* bytes */
#define ASK_BY_MAX 64
#define ASK_ROWS 1000 /* the newest are kept */

struct ask {
	const char *kind;     /* of the table above: our own word, asserted */
	const char *argument; /* canonical JSON; of `poll` text */
	const char *by;	      /* account, or "hook" */
	const char *approved_by; /* another account; NULL: nobody had to */
};

/*
 * Writes the row and wakes whoever takes it.  The same wish by the same
 * person replaces the one before, under a new id.  ERR_INPUT when a text is
 * too long or has control characters.
 */
int ask_file(
    struct web *, const struct ask *, int64_t *id, struct err *) KILN_MUST;
/* The same with a value: canonical JSON is made of it. */
int ask_json(struct web *, const char *kind, const json_t *argument,
    const char *by, int64_t *id, struct err *) KILN_MUST;

#endif
