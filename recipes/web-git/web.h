/*
 * A web server of what a branch of a git repository holds, from the service's
 * part of the router's configuration:
 *
 *	repository	https://, http:// or git://
 *	branch		"main" unless given
 *	authority	PEM of who signed the repository's certificate; those
 *			of Debian's ca-certificates unless given
 *	authorization	the header of that name, for a private repository
 *	hook		the secret of POST /.hook, which makes it look at once
 *	every		minutes between two looks without being told; 0: none
 *	resolver	who is asked for the repository's name
 *
 * Pure: nothing is read or written here.
 */
#ifndef WEB_GIT_WEB_H
#define WEB_GIT_WEB_H

#include "recipes/guest-init/files.h"

#define WEB_UID 8080
#define WEB_PORT 80 /* of the recipe's probe */
#define WEB_DIR "/run/web"
#define WEB_CONFIG WEB_DIR "/config.json"
#define WEB_GITCONFIG WEB_DIR "/gitconfig"
#define WEB_OWN "/run/web-own"	/* the service's to write */
#define WEB_HOOK_MAX (1U << 20) /* bytes of what a hook says */

struct web {
	const char *repository, *branch, *hook; /* borrowed; hook may be NULL */
	int64_t every;				/* minutes */
};

int web_conf(const json_t *config, struct guest_files *, struct fault *);
int web_read(const json_t *config, struct web *, struct fault *);

/* Is this the "sha256=HEX" of the body, by the secret? */
bool web_hook_ok(
    const char *secret, const char *signature, const void *body, size_t n);
/*
 * The file of a request's path, in `out`: without the first slash, with
 * "index.html" behind the last.  -1: a part is empty or begins with a dot.
 */
int web_path(const char *path, char *out, size_t room);
/* By what stands behind the last dot. */
const char *web_type(const char *path);

#endif
