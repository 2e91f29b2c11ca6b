/*
 * The router's settings as a page: what the agent says of them
 * (docs/formats.md, settings) into HTML that works without script, and a form
 * that comes back into a configuration.  Every value that is shown is escaped
 * here.
 *
 * Of the service's own part of the router's configuration:
 *
 *	names	what the page may be called besides its address: ["router.lan"]
 *	reset	another number than before: the password is forgotten
 *
 * Pure: nothing is read or written here.
 */
#ifndef ROUTER_CONFIG_PAGE_H
#define ROUTER_CONFIG_PAGE_H

#include <stdio.h>

#include "recipes/guest-init/files.h"

#define PAGE_UID 8081
#define PAGE_PORT 80 /* of the recipe's probe */
#define PAGE_DIR "/run/page"
#define PAGE_CONFIG PAGE_DIR "/config.json"
#define PAGE_STATE "/var/lib/page" /* the volume */
#define PAGE_BODY 65536		   /* bytes of a form */
#define PAGE_NAMES 16
#define PAGE_PASSWORD_MIN 10
#define PAGE_PASSWORD_MAX 200
#define PAGE_TOKEN 33 /* 32 hex digits and NUL */

int page_conf(const json_t *config, struct guest_files *, struct fault *);
struct page_own {
	const char *names[PAGE_NAMES]; /* borrowed */
	size_t nnames;
	int64_t reset;
};
int page_read(const json_t *config, struct page_own *, struct fault *);

/* Is the page called so?  By an address always: it takes a name to lead a
 * browser astray. */
bool page_host_ok(const struct page_own *, const char *host);
/* A browser's Origin of a form of this page; NULL: it sent none. */
bool page_origin_ok(const char *origin, const char *host);

/* The first field called so of a form, decoded, malloc'd; NULL: there is none,
 * or it holds a NUL. */
char *page_field(const char *body, size_t n, const char *name);
/* Two texts of 32 hex digits, in constant time. */
bool page_token_ok(const char *mine, const char *theirs);

/*
 * A copy in which each list that holds something has one entry more, like its
 * last: null where a text may come, a real (which no configuration has) where a
 * number may.  New reference.
 */
json_t *page_roomy(const json_t *config);
/*
 * The config of a service with what a form has in place of its scalars, which
 * it calls "/KEY/0/KEY" (JSON pointers, RFC 6901), those of page_roomy among
 * them; one that is cleared goes, and so does what holds nothing else.  Or what
 * the form's `text` says, as a whole.  New reference; the kinds of scalars
 * stay.
 */
json_t *page_edited(
    const json_t *config, const char *body, size_t n, struct fault *);

/* Calls `fn` with each scalar, in order, and its name in a form. */
typedef int page_leaf_fn(
    void *arg, const char *at, json_t *leaf, json_t **instead, struct fault *);
int page_leaves(json_t *config, page_leaf_fn *, void *arg, struct fault *);

/* Pages.  `said`: one sentence above all else, or "". */
void page_first(FILE *, const char *token, const char *said);
void page_login(FILE *, const char *token, const char *said);
void page_settings(
    FILE *, const json_t *answer, const char *token, const char *said);
extern const char page_css[];

#endif
