/* What commands of kiln-web have in common: web.db in the hands of its one
 * writing uid, beside a server that runs. */
#ifndef KILN_WEB_COMMAND_H
#define KILN_WEB_COMMAND_H

#include "lib/attr.h"
#include "lib/err.h"
#include "web/req.h"

/* `arg` is handed on; the others' databases are there if they can be read.
 * Returns the exit code; errors are told. */
int web_command(const char *where, const char *state,
    int (*run)(struct web *, void *arg, struct err *), void *arg);

#endif
