/* The dashboard's pages; one file each. */
#ifndef KILN_PAGES_H
#define KILN_PAGES_H

#include <jansson.h>

#include "web/html.h"
#include "web/req.h"

void page_now(struct req *, struct reply *);
void page_recipes(struct req *, struct reply *);
void page_proofs(struct req *, struct reply *);
void page_recipe(struct req *, struct reply *); /* part[0]: name */
void page_builds(struct req *, struct reply *);
void page_build(struct req *, struct reply *); /* part[0]: run id */
void page_log(struct req *, struct reply *);   /* part[0]: run id */
void log_events(struct req *, struct reply *); /* part[0]: run id */
void page_releases(struct req *, struct reply *);
void page_exec(struct req *, struct reply *);
void page_exposure(struct req *, struct reply *);
void page_trust(struct req *, struct reply *);
void page_fleet(struct req *, struct reply *);
void page_router(struct req *, struct reply *);	 /* part[0]: its id */
void page_image(struct req *, struct reply *);	 /* part[0]: a digest */
void page_compare(struct req *, struct reply *); /* part[0], [1]: run ids */
void page_find(struct req *, struct reply *);	 /* ?q= */

void page_login(struct req *, struct reply *);
void post_login(struct req *, struct reply *);
void post_logout(struct req *, struct reply *);
/* Accept, hold, retire: forms of a device, for who may. */
void device_forms(
    struct html *, const json_t *, const char *id, const char *standing);
void page_devices(struct req *, struct reply *);
void post_devices(struct req *, struct reply *);
void page_flaw(struct req *, struct reply *);
void page_operate(struct req *, struct reply *);
void post_operate(struct req *, struct reply *);

/* part[0] as a run's id; ERR_MISSING when it is none. */
int run_id(const struct req *, int64_t *id, struct err *) KILN_MUST;

#endif
