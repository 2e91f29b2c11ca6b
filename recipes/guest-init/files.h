/*
 * The native files of a service, made in memory from its part of the router's
 * configuration and written together: either all of them or, after a fault,
 * none.  What a configure program is beyond that is one function, which is
 * pure, so that tests call it without a guest.
 */
#ifndef GUEST_INIT_FILES_H
#define GUEST_INIT_FILES_H

#include <stdio.h>

#include "recipes/guest-init/guest.h"

#define GUEST_FILES 96
#define GUEST_PEM_MAX 65536 /* bytes of one PEM text */

struct guest_file {
	char path[96];
	char *text; /* malloc'd */
	size_t n;
	uid_t uid; /* who may read it; 0: as the others */
};
struct guest_files {
	struct guest_file at[GUEST_FILES];
	size_t n;
};

/* A new file; the caller closes the stream with guest_file_close.  NULL after
 * filling the fault. */
FILE *guest_file_open(struct guest_files *, struct fault *, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));
/* `ret` is what became of the writing, and is returned unless that was good
 * and closing is not. */
int guest_file_close(FILE *, int ret, struct fault *);
/* The path of the file opened last. */
const char *guest_file_path(const struct guest_files *);
/*
 * The PEM text j[key], whose blocks are of the kind `label`, as a file of its
 * own; see pem.h.
 */
int guest_file_pem(struct guest_files *, const char *what, const json_t *j,
    const char *key, const char *label, struct fault *, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));
/* Some hold keys: the memory is wiped. */
void guest_files_release(struct guest_files *);

/* A new folder that is the service's own. */
int guest_folder(const char *path, uid_t, struct fault *);

/*
 * main() of a configure program: makes the folder `dir`, which stays root's so
 * that the service can put nothing into its place, and in it the files that
 * `make` gives, readable by `uid` alone.  Returns the exit status.
 */
typedef int guest_make_fn(const json_t *, struct guest_files *, struct fault *);
int guest_configure(const char *dir, uid_t, guest_make_fn *);

#endif
