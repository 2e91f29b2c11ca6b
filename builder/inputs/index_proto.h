/* Messages between index.c and index_serve.c; fields in this order, each
 * after the number of the request. */
#ifndef KILN_INDEX_PROTO_H
#define KILN_INDEX_PROTO_H

#include <stddef.h>

#include "builder/inputs/lock.h"
#include "lib/ipc.h"

enum index_msg {
	INDEX_RELEASE = 20,  /* u32 n, n strings: paths; descriptor: text */
	INDEX_OPEN,	     /* u32 suites */
	INDEX_SUITE,	     /* name, arch, packages, u32 sources?, sources;
			      * descriptors: Packages.xz, Sources.xz */
	INDEX_SOLVE,	     /* arch, u32 n, n strings: names */
	INDEX_SOURCES,	     /* u32 n, n strings: names */
	INDEX_CHECK_PACKAGE, /* a package */
	INDEX_CHECK_SOURCE,  /* a source */
	INDEX_FACTS,	     /* nothing; descriptors: an index, where its
			      * facts go */
	INDEX_DIFF,	     /* u32 old?, u32 new?; descriptors: facts */
	INDEX_STOCK,	     /* arch, u32 n, n strings: names */

	INDEX_IS_RELEASE = 40, /* codename, date, valid_until, u32 by_hash */
	INDEX_IS_FILE,	       /* path, digest, size */
	INDEX_IS_PACKAGE,      /* a package */
	INDEX_IS_SOURCE,       /* a source */
	INDEX_IS_NAME,	       /* u32 n, n strings: names looked at */
	INDEX_DONE,	       /* nothing: the answer is complete */
	INDEX_IS_STOCK,	       /* name, version, installed bytes */
};

#define INDEX_NAME 256	 /* bytes at most: of names, versions, files … */
#define INDEX_PATH 1024	 /* … and of paths */
#define INDEX_NAMES 4096 /* names of one request */

void index_put_package(struct buf *, const struct lock_package *);
void index_put_source(struct buf *, const struct lock_source *);
/* Everything is checked that the form can tell: names, paths, sizes. */
int index_get_package(
    struct ipc_msg *, struct lock_package *, struct err *) KILN_MUST;
int index_get_source(
    struct ipc_msg *, struct lock_source *, struct err *) KILN_MUST;

#endif
