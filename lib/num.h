/* Numbers and times as text, with their limits checked. */
#ifndef KILN_NUM_H
#define KILN_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

/* Decimal, whole string, no blanks, no sign but '-'; within [min, max]. */
int num_int(
    const char *, int64_t min, int64_t max, int64_t *, struct err *) KILN_MUST;
/* The same of foreign bytes, where nobody is told why not. */
bool num_span(struct span, int64_t min, int64_t max, int64_t *) KILN_MUST;
/* "512", "64 KiB", "64MiB", "2GiB": bytes. */
int num_size(const char *, int64_t *, struct err *) KILN_MUST;
/* "90s", "15m", "6h", "7d", "90": seconds. */
int num_duration(const char *, int64_t *, struct err *) KILN_MUST;

/* For people: "13.4 MiB", "912 B"; "1 min 20 s", "0.3 s". */
void num_add_size(struct buf *, int64_t bytes);
void num_add_duration(struct buf *, int64_t milliseconds);

/* RFC 3339 in UTC, "2020-01-01T00:00:00Z", exactly 20 characters. */
#define TIME_TEXT 21
void time_text(int64_t unix_seconds, char out[TIME_TEXT]);
int time_parse(const char *, int64_t *unix_seconds, struct err *) KILN_MUST;
int64_t time_now(void);	    /* CLOCK_REALTIME, seconds */
int64_t time_mono_ms(void); /* CLOCK_BOOTTIME, milliseconds */

#endif
