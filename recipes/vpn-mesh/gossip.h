/*
 * What the members tell each other inside the mesh, every GOSSIP_S seconds: the
 * roster, where each hears the others, and who is heard from one port here and
 * from another there.
 */
#ifndef VPN_MESH_GOSSIP_H
#define VPN_MESH_GOSSIP_H

#include "recipes/vpn-mesh/mesh.h"

#define GOSSIP_S 2

void gossip_tell(void);
/* Tells one that both aim at each other now: see path.h. */
void gossip_call(const struct mesh_member *);
/* Takes what waits at the node's socket. */
void gossip_hear(void);

#endif
