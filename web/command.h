/* What commands of kiln-web have in common: web.db in the hands of its one
 * writing uid, beside a server that runs. */
#ifndef KILN_WEB_COMMAND_H
#define KILN_WEB_COMMAND_H

#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"

/* `arg` is handed on.  Returns the exit code; errors are told. */
int web_command(const char *where, const char *state,
    int (*run)(struct db *, void *arg, struct err *), void *arg);

#endif
