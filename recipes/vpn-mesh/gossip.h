/*
 * What the members tell each other inside the mesh, every GOSSIP_S seconds: the
 * roster, and where each hears the others.
 */
#ifndef VPN_MESH_GOSSIP_H
#define VPN_MESH_GOSSIP_H

#define GOSSIP_S 2

void gossip_tell(void);
/* Takes what waits at the node's socket. */
void gossip_hear(void);

#endif
