/*
 * What went into an image: facts of locks and plans alone, no scanning, no
 * clock.  The same records give the same bytes anywhere.
 *
 * A struct sbom is the list and how one led to the other; sbom_spdx and
 * sbom_cyclonedx write it down, buildinfo.h says it of one plan.
 */
#ifndef KILN_SBOM_H
#define KILN_SBOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "builder/inputs/lock.h"
#include "builder/judge/closure.h"
#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/store.h"

enum sbom_kind {
	SBOM_IMAGE,  /* what is published; first in the list */
	SBOM_OUTPUT, /* left by a build of the farm, used by another */
	SBOM_DEB,
	SBOM_SOURCE, /* a file of a Debian source package */
	SBOM_GIT,    /* the tar of a commit */
	SBOM_FILE,
};

struct sbom_item {
	enum sbom_kind kind;
	char *id;      /* "image-0", "deb-12": letters, digits, '-' */
	char *name;    /* of the package, the service, the recipe and output */
	char *version; /* or NULL; of git the commit */
	char *arch;    /* of a deb */
	char *file;    /* its name as it was fetched or left, or NULL */
	char *url;     /* git and files: where from, or NULL */
	struct hash sha256;
};

enum sbom_how {
	SBOM_HOLDS,	 /* an image: a file of its own is these bytes */
	SBOM_MADE_WITH,	 /* a package of the environment */
	SBOM_MADE_FROM,	 /* a source */
	SBOM_MADE_USING, /* an output of another build */
};

struct sbom_link {
	size_t from, to; /* items: `from` holds, is made with … `to` */
	enum sbom_how how;
};

struct sbom {
	struct sbom_item *items;
	size_t n, cap;
	struct sbom_link *links;
	size_t nlinks, links_cap;
	json_t *known; /* items by kind and digest */
};
void sbom_release(struct sbom *);
#define SBOM_INIT             \
	{                     \
		.items = NULL \
	}
#define auto_sbom __attribute__((cleanup(sbom_release)))

/* `outputs`: those of the verdict of the first plan, as a kiln/verdict lists
 * them.  A whole closure; its locks must lie in the store. */
int sbom_collect(struct sbom *, struct store *, const struct closure *,
    const char *service, const char *version, const json_t *outputs,
    struct err *) KILN_MUST;

/* New references: SPDX 2.3, CycloneDX 1.5. */
json_t *sbom_spdx(const struct sbom *, struct err *) KILN_MUST;
json_t *sbom_cyclonedx(const struct sbom *, struct err *) KILN_MUST;

/* Appends a package's purl: "pkg:deb/debian/NAME@VERSION?arch=ARCH". */
void sbom_purl(
    const char *name, const char *version, const char *arch, struct buf *);

#endif
