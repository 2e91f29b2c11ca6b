/*
 * The differ's child, inside: two stretches of hostile bytes are looked at
 * side by side, and what is not the same becomes findings.  Nothing here
 * opens a file, starts a program or believes a length.
 *
 * Where one is: a path of names, outermost first (`outer.tar.gz`, a member,
 * an ELF section).  look_enter() and look_leave() keep it.
 */
#ifndef KILN_LOOK_H
#define KILN_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/hash.h"

#define LOOK_PATH 20		      /* names within each other */
#define LOOK_NAME 400		      /* bytes of a name, escaped */
#define LOOK_EXCERPT 90		      /* bytes of each side that are shown */
#define LOOK_ROOM ((size_t)512 << 20) /* bytes taken out of containers */

struct look {
	json_t *findings; /* array */
	bool cut;	  /* there is more than it says */
	const char *path[LOOK_PATH];
	size_t npath;
	int depth;     /* containers within each other */
	size_t room;   /* of LOOK_ROOM, what is left */
	int64_t until; /* time_mono_ms() after which nothing is begun */
};

/* A finding; numbers below 0, texts of NULL: it has none. */
struct found {
	const char *what; /* docs/formats.md, "difference" */
	const char *where;
	int64_t offset, line;
	const char *a, *b;
};
#define FOUND(w)                                       \
	(struct found)                                 \
	{                                              \
		.what = (w), .offset = -1, .line = -1, \
	}

/* No more is wanted: findings or time are at their end; sets `cut`. */
bool look_full(struct look *);
void look_add(struct look *, const struct found *);
/* false: too deep, and nothing was entered.  `name` stays the caller's. */
bool look_enter(struct look *, const char *name) KILN_MUST;
void look_leave(struct look *);
/* Memory for what comes out of a container; false: too much of it. */
bool look_take(struct look *, size_t bytes) KILN_MUST;
void look_give(struct look *, size_t bytes);

/* Bytes as printable ASCII, the rest as \xNN, at most `max` of them. */
void look_escape(struct buf *, struct span, size_t max);

/* A little-endian number of so many bytes; 0 where it would lead beyond. */
uint64_t look_le(struct span, uint64_t at, int bytes);
/* A piece of it, cut at its end. */
struct span look_part(struct span, uint64_t at, uint64_t n);

/* Compares whatever they are. */
void look_at(struct look *, struct span a, struct span b);
/* … by kind: false when they are not what they seemed. */
bool look_layer(struct look *, struct span a, struct span b);
bool look_archive(struct look *, struct span a, struct span b);
bool look_erofs(struct look *, struct span a, struct span b);
bool look_elf(struct look *, struct span a, struct span b);
bool look_is_text(struct span);
void look_text(struct look *, struct span a, struct span b);
void look_bytes(struct look *, struct span a, struct span b);
/* The first byte that differs; SIZE_MAX: none does. */
size_t look_first(struct span a, struct span b);
/* Around `at`: a string if it stands in one, else bytes in hex. */
void look_excerpt(struct buf *, struct span, size_t at);

/* One member of a container. */
struct member {
	char *path; /* escaped */
	uint32_t mode, uid, gid;
	char *owner; /* "root:root", or NULL */
	char *link;  /* target, or NULL */
	int64_t mtime, size;
	uint32_t nsec;
	bool has_time;
	size_t order;	      /* where it stands in its container */
	struct hash sha256;   /* of its content */
	struct span parts[2]; /* of the image, if they lie in one */
	struct buf held;      /* else what was read again */
	bool wanted;
};
struct members { /* sorted by path, then order */
	struct member *v;
	size_t n, cap;
	bool cut; /* there were more */
};
void members_release(struct members *);
void members_sort(struct members *);
/* Reads again what `wanted` marks into `held`; NULL: parts are all. */
typedef void members_fetch(struct look *, struct span, struct members *);
/* false: nothing told them apart. */
bool members_compare(struct look *, struct span a, struct members *,
    struct span b, struct members *, members_fetch *);

#endif
