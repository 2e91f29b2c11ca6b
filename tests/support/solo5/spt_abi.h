/*
 * What a tender of the spt target and its unikernel agree on, in our own words
 * after Solo5's published headers include/spt_abi.h (ABI version 2),
 * include/mft_abi.h (manifest version 1) and include/elf_abi.h: addresses,
 * structures and notes.  64 bits, little-endian.
 */
#ifndef TEST_SPT_ABI_H
#define TEST_SPT_ABI_H

#include <stdint.h>

#define SPT_ABI 2
#define SPT_TARGET 2

#define SPT_LOW 0x10000	    /* guest memory begins: below Linux maps nothing */
#define SPT_BOOT 0x11000    /* struct spt_boot; manifest and words follow it */
#define SPT_WORDS 8192	    /* bytes of the command line with NUL */
#define SPT_KERNEL 0x100000 /* the lowest address of a unikernel */
#define SPT_TIMER 0xfffffffeU /* the timer's event, of a device its number */

/* Where the entry point's one argument points to. */
struct spt_boot {
	uint64_t memory, kernel_end;
	const char *words;
	const struct spt_manifest *manifest;
	int32_t events, timer; /* epoll and timerfd */
};

#define SPT_BLOCK 1
#define SPT_NET 2
#define SPT_FIRST (1U << 30) /* the type of entry 0, which is no device */

/* The first two members are the unikernel's, the rest the tender's. */
struct spt_entry {
	char name[68];
	uint32_t type;
	union {
		struct {
			uint64_t capacity; /* bytes */
			uint16_t sector;
		} block;
		struct {
			uint8_t mac[6];
			uint16_t mtu;
		} net;
	} of;
	union {
		int32_t fd;
		void *pad;
	} host;
	uint8_t attached;
};
_Static_assert(sizeof(struct spt_entry) == 104, "an entry has 104 bytes");

struct spt_manifest {
	uint32_t version, n;
	struct spt_entry at[];
};

/* Notes: the owner's name is 8 bytes with its padding. */
#define SPT_OWNER "Solo5"
#define SPT_NOTE_MANIFEST 0x3154464d /* "MFT1" */
#define SPT_NOTE_ABI 0x31494241	     /* "ABI1" */
struct spt_note {
	uint32_t name, size, type;
	char owner[8];
};

#endif
