/* What a server would have had to serve, by simulated seconds. */
#ifndef FLEET_LOAD_H
#define FLEET_LOAD_H

#include <stddef.h>
#include <stdint.h>

struct load {
	int64_t start, seconds;
	uint32_t *requests;	 /* by second since `start` */
	int64_t total, down, up; /* requests, bytes from and to the server */
};

void load_init(struct load *, int64_t start, int64_t seconds);
void load_release(struct load *);
void load_add(
    struct load *, int64_t now, int64_t requests, int64_t down, int64_t up);
/* Requests of the busiest `window` seconds in [from, to). */
int64_t load_peak(
    const struct load *, int64_t from, int64_t to, int64_t window);
/* Requests a second in [from, to). */
double load_mean(const struct load *, int64_t from, int64_t to);

#endif
