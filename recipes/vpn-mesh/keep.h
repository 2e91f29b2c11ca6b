/* What a node is, on its volume; it is made on the first start. */
#ifndef VPN_MESH_KEEP_H
#define VPN_MESH_KEEP_H

#include "recipes/vpn-mesh/admit.h"

int keep_load(struct admit *, bool founds, struct fault *);
/* It is on the disk when this returns. */
int keep_save(const struct admit *, struct fault *);

#endif
