/*
 * What an operator can ask for right where he sees it: forms on pages.  They
 * work without script and stand outside of what a live page replaces.  Who is
 * not signed in with a browser sees none of them.
 */
#ifndef KILN_WEB_ACT_H
#define KILN_WEB_ACT_H

#include <jansson.h>

#include "web/account.h"
#include "web/html.h"
#include "web/req.h"

/* Tells the model who looks ("me": name, rank), and the views below his word
 * for forms, which is in no JSON that leaves. */
void act_know(const struct req *, json_t *model);
/* Whoever looks may post forms that need this rank. */
bool act_may(const json_t *model, enum rank);

/* <form method=post> with the word, up to act_close(); `kind` may be NULL. */
void act_open(
    struct html *, const json_t *model, const char *action, const char *kind);
void act_hidden(struct html *, const char *name, const char *value);
/* <label> around a text field of `max` characters; `required` or not. */
void act_field(
    struct html *, const char *label, const char *name, int max, bool required);
/* The form's button, and its end; `cls` NULL: the plain one. */
void act_close(struct html *, const char *button, const char *cls);

#endif
