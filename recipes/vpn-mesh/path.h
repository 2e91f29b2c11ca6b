/*
 * Which way the packets to one member go.  The kernel sends a keepalive every
 * PATH_KEEPALIVE seconds, so that a way that works is heard; one that is not is
 * given PATH_TRY seconds, and then the other is tried.  What counts is where
 * the other was heard from, never where packets are sent to in hope.
 *
 * Two behind NAT meet by sending to each other in the same seconds: each opens
 * its own NAT for the other by that.  While they go by a relay, the one with
 * the lower number calls the other through it, and then both aim at each other
 * once a second for PATH_MEET seconds; a word that still comes by the relay
 * makes WireGuard answer there, hence again and again.  Who was not heard
 * directly by then is sent to by the relay as before.
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
#define PATH_MEET 5
#define PATH_SOON 3   /* seconds by relay until they first try to meet, */
#define PATH_AGAIN 20 /* … and until they do again; it doubles, */
#define PATH_AGAIN_MAX 640

enum path_act {
	PATH_KEEP,
	PATH_DIRECT, /* aim there */
	PATH_RELAY,
	PATH_CALL, /* tell the other by the relay that they meet now */
};

struct path {
	uint64_t received; /* bytes, as the kernel counts */
	int64_t heard;	   /* when it last grew; 0: never */
	bool relayed;	   /* the word that was heard came by a relay */
	int64_t tried;	   /* when the last try began; 0: never */
	bool by_relay;	   /* the last try */
	int64_t meet;	   /* when they stop trying to meet; 0: they do not */
	int64_t again, wait;
};
struct path_facts {
	int64_t now; /* seconds, above 0 */
	uint64_t received;
	bool by_relay;		    /* where the last word came from */
	bool has_direct, has_relay; /* there is somewhere to try */
	bool leads;		    /* this node calls, not the other */
};

bool path_alive(const struct path *, int64_t now);
/* One of the two is somewhere else now: worth a try, PATH_AGAIN seconds after
 * the last. */
void path_moved(struct path *, int64_t now);
/* The other called. */
void path_called(struct path *, int64_t now);
/* Once a second. */
enum path_act path_step(struct path *, const struct path_facts *);

#endif
