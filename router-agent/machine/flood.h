/*
 * Does a machine flood the LAN?
 *
 * Bytes tell nothing: one that keeps files may fill the line for hours.  But
 * work is answered: who gets a file acknowledges it, some frames for each
 * hundred at the least, however well the kernels on the way put frames
 * together.  And what goes to everybody is little: by what all of a home's
 * Wi-Fi can carry, a few hundred frames a second.  So what counts is
 *
 * - frames to a group (broadcast and multicast), and
 * - frames to one address while less than one is heard for a hundred sent.
 *
 * FLOOD_LIMIT is beyond what honest ones send: four high-definition streams by
 * multicast are 4,000 frames a second.  Who is asked to answer each of its
 * frames, and does, is not seen here.
 *
 * Counted by packet sockets that keep nothing, before any redirection and
 * whether or not the tap is on a bridge, so that a machine beside the LAN is
 * looked at like one that serves it.
 */
#ifndef AGENT_FLOOD_H
#define AGENT_FLOOD_H

#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"

#define FLOOD_LIMIT 5000  /* frames a second */
#define FLOOD_UNHEARD 100 /* frames sent for one that is heard */

enum flood_count { FLOOD_GROUP, FLOOD_ONE, FLOOD_HEARD, FLOOD_COUNTS };

struct flood {
	int at[FLOOD_COUNTS]; /* sockets, or -1 */
	unsigned ifindex;     /* a machine started again has another tap */
	int64_t since;	      /* ms of the last look */
};
#define FLOOD_INIT                   \
	{                            \
		.at = { -1, -1, -1 } \
	}

/*
 * Frames a second since the last look, if more than `limit` of them count; 0:
 * none that do, or this was the first look at this tap.  -1: it cannot be
 * looked at.
 */
int64_t flood_look(struct flood *, const char *tap, int64_t limit,
    int64_t now_ms, struct err *) KILN_MUST;
void flood_release(struct flood *);

#endif
