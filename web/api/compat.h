/* The routes of existing albatross and mollymawk clients. */
#ifndef KILN_COMPAT_H
#define KILN_COMPAT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/hash.h"
#include "web/req.h"

#define COMPAT_UUID 37

struct compat_build {
	char uuid[COMPAT_UUID], job[256];
	char plan[HASH_HEX], lock[HASH_HEX], image[HASH_HEX], log[HASH_HEX];
	int64_t run, started, finished, size;
};

/* Of a plan's digest, 64 hex digits. */
void compat_uuid(const char *plan, char out[COMPAT_UUID]);
bool compat_is_uuid(const char *);
/* 1: found; 0: no such build. */
int compat_by_uuid(struct web *, const char *uuid, struct compat_build *,
    struct err *) KILN_MUST;
/* The shape in which a build is told alone. */
json_t *compat_build_json(struct web *, const struct compat_build *);
/* Accept lists application/json itself; "*" does not count. */
bool compat_wants_json(const struct req *);

void compat_jobs(struct req *, struct reply *);
void compat_all_builds(struct req *, struct reply *);
void compat_failed_builds(struct req *, struct reply *);
void compat_job(struct req *, struct reply *);	  /* part[0]: name */
void compat_latest(struct req *, struct reply *); /* [0]: name, [1]: rest */
void compat_build(struct req *, struct reply *);  /* [0]: name, [1]: UUID */
void compat_main_binary(struct req *, struct reply *);
void compat_file(struct req *, struct reply *); /* [2]: path */
void compat_console(struct req *, struct reply *);
void compat_script(struct req *, struct reply *);
void compat_hash(struct req *, struct reply *);
void compat_robots(struct req *, struct reply *);
void compat_compare(struct req *, struct reply *); /* [0], [1]: UUIDs */

#endif
