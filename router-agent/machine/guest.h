/*
 * The configuration disk of a machine: `guest` of docs/formats.md, in a
 * sealed memory file, since it may hold secrets and nobody else reads it.
 */
#ifndef AGENT_GUEST_H
#define AGENT_GUEST_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

/* One address of a card; the name that the guest gives the card, and the
 * gateway, may be NULL. */
struct guest_link {
	const char *name, *mac, *address, *gateway;
	int64_t prefix;
};

/* A disk of the machine's own: its serial number, where the guest mounts it,
 * and the file. */
struct guest_volume {
	const char *name, *path;
	int fd;
	int64_t size;
};

#define GUEST_LINKS 4
#define GUEST_VOLUMES 4
struct guest {
	const char *hostname;
	int64_t clock; /* Unix seconds */
	struct guest_link links[GUEST_LINKS];
	size_t nlinks;
	struct guest_volume volumes[GUEST_VOLUMES];
	size_t nvolumes;
	const json_t *config; /* borrowed; an object */
};

/* The bytes of the disk: magic, length, canonical JSON, zeroes. */
int guest_disk(const struct guest *, struct buf *, struct err *) KILN_MUST;
/* A read-only descriptor of a sealed memory file with them. */
int guest_disk_open(const struct guest *, struct err *) KILN_MUST;

#endif
