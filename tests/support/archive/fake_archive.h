/*
 * A Debian archive of a few lines, signed by a throw-away key and served by
 * a server inside the test, which counts what it is asked for.
 */
#ifndef KILN_FAKE_ARCHIVE_H
#define KILN_FAKE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

struct fake_suite {
	const char *name; /* Codename */
	const char *dist; /* folder below dists/ */
	struct buf packages, sources;
	struct buf arm64; /* packages; no index while there are none */
	int64_t date;
	int64_t valid_until; /* 0: none */
	bool other_key;	     /* sign by the key that is in no keyring */
	bool wrong_index;    /* list a digest that Packages.xz does not have */
};

/* Keys, server, empty tree below `dir`.  Not 0: what is missing was said. */
int fake_start(const char *dir);
void fake_stop(void);
const char *fake_uri(void);	/* "http://127.0.0.1:PORT/debian/" */
const char *fake_keyring(void); /* holds the good key alone */
const char *fake_root(void);	/* the folder that is served */

void fake_suite_init(struct fake_suite *, const char *name);
void fake_suite_release(struct fake_suite *);
/* A .deb with these bytes; `more`: further fields, each with its newline. */
void fake_package(struct fake_suite *, const char *name, const char *version,
    const char *more, const char *bytes);
/* The same of arm64, and of no architecture, which both indexes list. */
void fake_arm64(struct fake_suite *, const char *name, const char *version,
    const char *more, const char *bytes);
void fake_all(struct fake_suite *, const char *name, const char *version,
    const char *bytes);
/* A package for each name that every environment starts from. */
void fake_base(struct fake_suite *, const char *const *names);
void fake_source(struct fake_suite *, const char *name, const char *version,
    const char *file, const char *bytes);
/* Writes indexes and InRelease as things stand. */
void fake_publish(struct fake_suite *);
/* Overwrites a file of the pool. */
void fake_damage(const char *path, const char *bytes);
void fake_remove(const char *path);

/* Requests since the last fake_count_reset whose path holds `part`. */
unsigned fake_count(const char *part);
void fake_count_reset(void);
/* Bytes of bodies sent since then. */
int64_t fake_bytes(void);
/* Does the server say ETag and Last-Modified of InRelease files? */
void fake_tags(bool etag, bool modified);

#endif
