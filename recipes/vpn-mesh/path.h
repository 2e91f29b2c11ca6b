/*
 * Which way the packets to one member go.  The kernel sends a keepalive every
 * PATH_KEEPALIVE seconds, so that a way that works is heard; one that is not is
 * given PATH_TRY seconds, and then the other is tried.  Both members do so by
 * the same clock, which is how two behind NAT open it for each other; whoever
 * hears the other first follows, since WireGuard answers where a packet with
 * the right key came from.
 *
 * Pure: it is told the time and what the kernel knows.
 */
#ifndef VPN_MESH_PATH_H
#define VPN_MESH_PATH_H

#include <stdbool.h>
#include <stdint.h>

#define PATH_KEEPALIVE 3
#define PATH_DEAD 13 /* seconds without a word */
#define PATH_TRY 12
#define PATH_AGAIN                                                 \
	20 /* seconds by relay until the direct way is tried again \
	    */
#define PATH_AGAIN_MAX 640

enum path_act { PATH_KEEP, PATH_DIRECT, PATH_RELAY };

struct path {
	uint64_t received; /* bytes, as the kernel counts */
	int64_t heard;	   /* when it last grew; 0: never */
	int64_t tried;	   /* when the last try began; 0: never */
	bool by_relay;	   /* the last try */
	int64_t again, wait;
};
struct path_facts {
	int64_t now; /* seconds, above 0 */
	uint64_t received;
	bool by_relay;		    /* the kernel's packets go there now */
	bool has_direct, has_relay; /* there is somewhere to try */
};

bool path_alive(const struct path *, int64_t now);
/* One of the two is somewhere else now: worth a try, though not at each word.
 */
void path_moved(struct path *, int64_t now);
enum path_act path_step(struct path *, const struct path_facts *);

#endif
