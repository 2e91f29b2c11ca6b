/*
 * What the services that speak HTTP have in common, beside the library: the
 * body of a request, kept as it comes, and the way to the configuration.
 *
 * Interface of libserve.a; it needs libguest.a, libsodium and jansson.  The
 * server runs in one thread of libmicrohttpd, so none of this locks.
 */
#ifndef MICROHTTPD_SERVE_H
#define MICROHTTPD_SERVE_H

#include "microhttpd.h"
#include "recipes/guest-init/guest.h"

struct asked {	    /* one request's body, as far as it came */
	char *body; /* NULL while n is 0; no NUL at its end */
	size_t n;
	bool large; /* it was more than the limit: the rest was dropped */
};

/*
 * For the begin of an MHD_AccessHandlerCallback, with what that was given.
 * True: all of the body is here, *state is its struct asked.  False: the
 * callback returns *meanwhile.  A body over `max` bytes is read to its end
 * all the same, so that the client hears the answer.
 */
bool asked_whole(void **state, size_t max, const char *data, size_t *n,
    enum MHD_Result *meanwhile);
/* For MHD_OPTION_NOTIFY_COMPLETED: overwrites the body, there may be secrets
 * in it, and frees it. */
void asked_over(void *, struct MHD_Connection *, void **state,
    enum MHD_RequestTerminationCode);

/*
 * The whole of main(): reads the JSON object at `path`, hands it to `run`,
 * which serves and comes back only with a fault, and says on standard error
 * that `name` failed, and why.  Returns the exit status.
 */
int serve_main(const char *name, const char *path,
    int (*run)(const json_t *config, struct fault *));

#endif
