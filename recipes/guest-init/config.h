/*
 * The configuration of a guest, as it lies on its configuration disk:
 * `kiln/guest` of docs/formats.md.  Parsing only; nothing here touches the
 * machine.
 */
#ifndef GUEST_INIT_CONFIG_H
#define GUEST_INIT_CONFIG_H

#include "recipes/guest-init/guest.h"

#define CONFIG_MAGIC "kilnconf"
#define CONFIG_HEAD 16 /* bytes before the text: magic and length */
#define CONFIG_LINKS 16
#define CONFIG_VOLUMES 8

/* One address.  A card with several has an entry for each. */
struct config_link {
	unsigned char mac[6];
	struct guest_addr address;
	unsigned char prefix;
	char name[16]; /* what the card is to be called, or "" */
	bool has_gateway;
	struct guest_addr gateway; /* of the same family */
};

/* An ext4 disk, known by the serial number QEMU gives it. */
struct config_volume {
	char serial[21]; /* virtio's limit is 20 bytes */
	char path[128];	 /* where the image has an empty folder for it */
};

struct config {
	char hostname[64];
	int64_t clock; /* Unix seconds */
	struct config_link link[CONFIG_LINKS];
	size_t links;
	struct config_volume volume[CONFIG_VOLUMES];
	size_t volumes;
	json_t *service; /* an object: the service's own part */
};

/* Does a disk begin like one?  Reads CONFIG_HEAD bytes. */
bool config_magic(const unsigned char head[CONFIG_HEAD]);
/* Length of the text behind the head, at most GUEST_CONFIG_MAX. */
int config_length(
    const unsigned char head[CONFIG_HEAD], size_t *, struct fault *);
int config_parse(const char *text, size_t, struct config *, struct fault *);
void config_release(struct config *);

#endif
