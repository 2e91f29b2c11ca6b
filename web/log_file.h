/* A run's log: growing while it runs, an artifact of the store afterwards. */
#ifndef KILN_LOG_FILE_H
#define KILN_LOG_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/hash.h"
#include "web/req.h"

#define LOG_PAGE (256 << 10)

struct log_file {
	int fd;		       /* -1: nothing was said yet */
	char digest[HASH_HEX]; /* "" while it may grow */
	bool running;	       /* there may be more */
	bool gone;	       /* it was collected: no descriptor */
};

/* ERR_MISSING: no such run.  The caller closes fd. */
int log_file_open(
    struct web *, int64_t run, struct log_file *, struct err *) KILN_MUST;

struct log_part {
	int64_t size, from, to; /* of the log, and what is in text */
	struct buf text;	/* bytes as the build printed them */
};
/* At most `max` bytes of whole lines; from -1: up to the end. */
int log_file_read(int fd, int64_t from, size_t max, struct log_part *,
    struct err *) KILN_MUST;

#endif
