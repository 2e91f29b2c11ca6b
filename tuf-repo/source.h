/*
 * A published tree to look at: two folders, or a web address.  Paths are
 * "metadata/1.root.json" and "targets/…".
 */
#ifndef KILN_SOURCE_H
#define KILN_SOURCE_H

#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/http.h"

struct source {
	int metadata, targets; /* folders; -1: it is an address */
	struct http *http;
	char *url;     /* ends in a slash; owned */
	json_t *given; /* metadata files that are given as bytes, or NULL */
};

#define SOURCE_INIT                           \
	{                                     \
		.metadata = -1, .targets = -1 \
	}

/* Keeps dups. */
void source_dirs(struct source *, int metadata, int targets);
/* `where`: a folder that holds metadata/ and targets/, or http(s)://… */
int source_open(struct source *, const char *where, struct err *) KILN_MUST;
/* A metadata file is this (text, copied), whatever the tree has. */
void source_override(struct source *, const char *name, const struct buf *);
void source_release(struct source *);

/* Appends; more than `limit` bytes is ERR_INPUT; ERR_MISSING: not there. */
int source_read(struct source *, const char *name, size_t limit, struct buf *,
    struct err *) KILN_MUST;
/* A small target, by its name in the tree ("sets/edge/HASH.amd64.json"). */
int source_read_target(struct source *, const char *path, size_t limit,
    struct buf *, struct err *) KILN_MUST;
/* A target file, opened; of an address an unnamed copy, of no more than
 * `limit` + 1 bytes. */
int source_target_fd(
    struct source *, const char *path, int64_t limit, struct err *) KILN_MUST;
/* Length and hash of a target file; reads no more than `limit` + 1 bytes. */
int source_hash(struct source *, const char *path, int64_t limit, struct hash *,
    int64_t *size, struct err *) KILN_MUST;
/* Length alone, where that costs little; else as source_hash. */
int source_size(struct source *, const char *path, int64_t limit, int64_t *size,
    struct err *) KILN_MUST;

#endif
