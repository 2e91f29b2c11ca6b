/* Questions to farm.db, answered as JSON: what --json prints and what the
 * text for people is made from. */
#ifndef KILN_ASK_H
#define KILN_ASK_H

#include <jansson.h>

#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"

/* farm.db of the farm in `state` (NULL: the usual one) to read, as kiln-cli
 * for the rest of this process.  The caller closes it. */
struct db *ask_open(const char *state, struct err *) KILN_MUST;

/*
 * An array with an object for each row.  `keys`: words separated by blanks,
 * one for each column; a word that ends in "#" is an integer, in "?" true or
 * false, in "@" a time, else text; NULL is null.  `arg` is bound to ?1.
 */
json_t *ask_rows(struct db *, const char *sql, const char *keys,
    const char *arg, struct err *) KILN_MUST;
/* Several of them, each put under its key of `into`; `lists` ends with a key
 * that is NULL.  -1: one failed. */
struct ask_list {
	const char *key, *sql, *columns;
};
int ask_lists(struct db *, const struct ask_list *lists, const char *arg,
    json_t *into, struct err *) KILN_MUST;
/* The first of them, {} when there is none. */
json_t *ask_row(struct db *, const char *sql, const char *keys, const char *arg,
    struct err *) KILN_MUST;
/*
 * The plans that a word names, [{"plan"} …]: those that stand for a recipe,
 * that of a run's number, that whose digest begins so.  None: an empty list.
 */
json_t *ask_plans(struct db *, const char *what, struct err *) KILN_MUST;
#define ASK_HEX_LEAST 8 /* digits of a digest that name it */
/*
 * The whole of a command that takes this one word, or none (NULL): lists of the
 * farm, as JSON or as `print` says them.  `alarms`: a key of theirs, with which
 * it ends with EXIT_DIFFERS unless that list is empty; or NULL.
 */
int ask_command(int argc, char **argv, const char *word,
    const struct ask_list *lists, void (*print)(const json_t *),
    const char *alarms);
/* "" when it is not there or null. */
const char *ask_str(const json_t *, const char *key);
int64_t ask_int(const json_t *, const char *key);

#endif
