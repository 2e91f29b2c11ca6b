/*
 * Errors: a value in the caller's frame, so nothing is ever freed.
 *
 * A fallible call returns 0 or -1 (or NULL), takes `struct err *` last and
 * touches its outputs only on success.  The class is what a caller can act
 * on; anything finer is in the sentence: what was attempted, on what, why.
 * Report an error or return it, never both.
 */
#ifndef KILN_ERR_H
#define KILN_ERR_H

#include <stdbool.h>

#include "lib/attr.h"

enum err_class {
	ERR_NONE,
	ERR_SYSTEM,  /* the machine: errno is in `sys` */
	ERR_INPUT,   /* a file, option or message that is wrong: exit 2 */
	ERR_TRUST,   /* a signature, hash or rule of trust: exit 4 */
	ERR_MISSING, /* named, but not here */
	ERR_BUSY,    /* somebody else has it, or try again: exit 75 */
};

struct err {
	enum err_class cls;
	int sys;       /* errno, or 0 */
	char msg[480]; /* one sentence, no newline, always NUL-ended */
};

#define ERR_INIT                \
	{                       \
		ERR_NONE, 0, "" \
	}

/* All three return -1, so that `return err_set(...)` reads well. */
int err_set(struct err *, enum err_class, const char *fmt, ...)
    KILN_PRINTF(3, 4);
/* Adds ": strerror(errno)"; class ERR_SYSTEM (ENOENT gives ERR_MISSING). */
int err_sys(struct err *, const char *fmt, ...) KILN_PRINTF(2, 3);
/* Puts "CONTEXT: " before the sentence; keeps class and errno. */
int err_prefix(struct err *, const char *fmt, ...) KILN_PRINTF(2, 3);
void err_clear(struct err *);

/* The cause as one word (`no-space`, `timeout`, `bad-input`, `not-trusted`,
 * `missing`, `busy`, `denied`, `read-only`, `system`), for stderr and JSON. */
const char *err_cause(const struct err *);
/* Is the disk full or read-only?  That passes, and whoever can waits for it. */
bool err_no_room(const struct err *);
/* 1, 2, 4 or 75: design.md, "Rules for bad input". */
int err_exit(const struct err *);

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_DIFFERS = 3,
	EXIT_TRUST = 4,
	EXIT_AGAIN = 75,
};

#endif
