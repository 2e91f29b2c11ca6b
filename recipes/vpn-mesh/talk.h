/* The one TCP connection of a node's life: to its founder, who lets it in. */
#ifndef VPN_MESH_TALK_H
#define VPN_MESH_TALK_H

#include "recipes/vpn-mesh/mesh.h"

#define TALK_MS 3000 /* for one who joins, and for who lets somebody join */

/* Connected to the founder's MESH_JOIN; -1 after a fault. */
int talk_call(const union tunnel_end *founder, struct fault *);
/* All until the other has said all; 0: it did not in time, or too much. */
size_t talk_read(int fd, unsigned char *in, size_t room);

#endif
