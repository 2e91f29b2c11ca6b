/*
 * Asking the router's agent, over the state port (docs/formats.md, settings):
 * one question at a time, whose answer is all that the page knows.
 */
#ifndef ROUTER_CONFIG_TALK_H
#define ROUTER_CONFIG_TALK_H

#include "recipes/guest-init/guest.h"

#define TALK_MS 15000 /* it may wait for a machine to end first */

/* How everything stands: the record kiln/settings, new reference.  NULL after
 * filling the fault. */
json_t *talk_settings(struct fault *);
/* The same after a wish; what became of that is in its `answer`. */
json_t *talk_change(const char *service, const json_t *config, struct fault *);
json_t *talk_back(const char *service, struct fault *);

#endif
