/*
 * What a Solo5 unikernel says of itself: an ELF file of 64 bits with two notes
 * of the name "Solo5" in its PT_NOTE segments.  MFT1 is the manifest, the
 * devices that its tender must give it, by name; ABI1 is the kind of tender.
 * Solo5's include/solo5/mft_abi.h and elf_abi.h, manifest version 1.
 */
#ifndef KILN_SOLO5_H
#define KILN_SOLO5_H

#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

#define SOLO5_NAME 68	 /* bytes of a device's name with NUL */
#define SOLO5_DEVICES 63 /* 64 entries, the first of which is no device */

enum solo5_device_type { SOLO5_BLOCK = 1, SOLO5_NET };
enum solo5_target {
	SOLO5_HVT = 1,
	SOLO5_SPT,
	SOLO5_VIRTIO,
	SOLO5_MUEN,
	SOLO5_GENODE,
	SOLO5_XEN,
};

struct solo5_device {
	char name[SOLO5_NAME]; /* 1 or more of A-Z a-z 0-9, unlike others */
	enum solo5_device_type type;
};

struct solo5 {
	uint32_t manifest; /* its version, 1 */
	struct solo5_device devices[SOLO5_DEVICES];
	size_t ndevices;
	enum solo5_target target;
	uint32_t abi; /* its version */
};

/* Of the whole file's bytes.  ERR_MISSING: an ELF file without such notes, or
 * none; ERR_INPUT: notes out of form.  Nothing beyond `size` is looked at. */
int solo5_read(
    const void *, size_t size, struct solo5 *, struct err *) KILN_MUST;
/* Of a file that nobody writes any more. */
int solo5_read_fd(int fd, struct solo5 *, struct err *) KILN_MUST;
/* As one line of words, which metadata and records have: the target, its ABI's
 * version, and the devices as they stand in the manifest,
 * "spt 2 net:service block:config". */
void solo5_text(const struct solo5 *, struct buf *);
/* ERR_INPUT: out of form, or a target that this program does not know. */
int solo5_from_text(const char *, struct solo5 *, struct err *) KILN_MUST;
const char *solo5_target_name(enum solo5_target);      /* "hvt" */
const char *solo5_device_name(enum solo5_device_type); /* "NET_BASIC" */

#endif
