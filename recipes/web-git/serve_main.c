/*
 * Answers on port 80 in a thread of libmicrohttpd, while this one fetches:
 * at the start, whenever a hook says so, and every so many minutes.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "recipes/microhttpd/serve.h"
#include "recipes/web-git/site.h"

#define RETRY_MS 5000 /* after a look that failed */

static struct web web;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct site site = { .dir = -1 }; /* behind the lock */
static int bell;			 /* rung by a hook */

/* --- answers --------------------------------------------------------------*/

static enum MHD_Result
words(struct MHD_Connection *c, unsigned int status, const char *text)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(
	    strlen(text), (char *)text, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result ret;

	if (r == NULL)
		return MHD_NO;
	MHD_add_response_header(
	    r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=utf-8");
	ret = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return ret;
}

static int
open_below(int dir, const char *path)
{
	const struct open_how how = { .flags = O_RDONLY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };

	return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

static enum MHD_Result
send_file(struct MHD_Connection *c, int fd, const char *path, size_t n,
    const char *tag)
{
	const char *known = MHD_lookup_connection_value(
	    c, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
	bool same = known != NULL && strcmp(known, tag) == 0;
	struct MHD_Response *r;
	enum MHD_Result ret;

	if (same) {
		close(fd);
		r = MHD_create_response_from_buffer(
		    0, NULL, MHD_RESPMEM_PERSISTENT);
	} else {
		r = MHD_create_response_from_fd(n, fd); /* and closes it */
	}
	if (r == NULL)
		return MHD_NO;
	MHD_add_response_header(
	    r, MHD_HTTP_HEADER_CONTENT_TYPE, web_type(path));
	MHD_add_response_header(r, MHD_HTTP_HEADER_ETAG, tag);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	ret = MHD_queue_response(
	    c, same ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, r);
	MHD_destroy_response(r);
	return ret;
}

static enum MHD_Result
page(struct MHD_Connection *c, const char *asked)
{
	char path[1024], tag[80];
	struct stat st;
	bool empty;
	int fd = -1;

	if (web_path(asked, path, sizeof path) == -1)
		return words(c, MHD_HTTP_NOT_FOUND, "not here\n");
	pthread_mutex_lock(&lock);
	empty = site.dir == -1;
	if (!empty)
		fd = open_below(site.dir, path);
	snprintf(tag, sizeof tag, "\"%s\"", site.commit);
	pthread_mutex_unlock(&lock);
	if (empty)
		return words(c, MHD_HTTP_SERVICE_UNAVAILABLE,
		    "the repository was not reached yet\n");
	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		if (fd != -1)
			close(fd);
		return words(c, MHD_HTTP_NOT_FOUND, "not here\n");
	}
	return send_file(c, fd, path, (size_t)st.st_size, tag);
}

static enum MHD_Result
hook(struct MHD_Connection *c, const struct asked *a)
{
	const uint64_t one = 1;

	if (a->large || !web_hook_ok(web.hook,
			    MHD_lookup_connection_value(
				c, MHD_HEADER_KIND, "X-Hub-Signature-256"),
			    a->body == NULL ? "" : a->body, a->n))
		return words(
		    c, MHD_HTTP_FORBIDDEN, "not signed by the secret\n");
	if (write(bell, &one, sizeof one) == -1)
		return words(c, MHD_HTTP_SERVICE_UNAVAILABLE, "not now\n");
	return words(c, MHD_HTTP_ACCEPTED, "looking\n");
}

static enum MHD_Result
answer(void *cls, struct MHD_Connection *c, const char *path,
    const char *method, const char *version, const char *data, size_t *n,
    void **state)
{
	bool post = strcmp(method, "POST") == 0;
	enum MHD_Result meanwhile;

	(void)cls;
	(void)version;
	if (!asked_whole(state, WEB_HOOK_MAX, data, n, &meanwhile))
		return meanwhile;
	if (post && strcmp(path, "/.hook") == 0)
		return hook(c, *state);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return words(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
	return page(c, path);
}

/* --- looks ----------------------------------------------------------------*/

/* -1: it failed, and what was there stays. */
static int
look(struct fault *f)
{
	struct site next, old = site; /* this thread alone writes it */
	int found = site_fetch(&web, &old, &next, f);

	if (found <= 0)
		return found;
	pthread_mutex_lock(&lock);
	site = next;
	pthread_mutex_unlock(&lock);
	if (old.dir != -1)
		site_remove(&old);
	return 0;
}

static void
follow(void)
{
	struct pollfd p = { bell, POLLIN, 0 };
	struct fault f;
	uint64_t rings;
	int wait;

	for (;;) {
		wait = web.every == 0 ? -1 : (int)web.every * 60000;
		if (look(&f) == -1) {
			fprintf(stderr, "web: %s\n", f.text);
			wait = RETRY_MS;
		}
		if (poll(&p, 1, wait) == 1 &&
		    read(bell, &rings, sizeof rings) == -1)
			continue;
	}
}

static int
run(const json_t *config, struct fault *f)
{
	const struct rlimit size = { SITE_FILE_MAX, SITE_FILE_MAX };

	if (web_read(config, &web, f) == -1 || site_init(f) == -1)
		return -1;
	bell = eventfd(0, EFD_CLOEXEC);
	setrlimit(RLIMIT_FSIZE, &size);
	if (bell == -1 ||
	    MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD |
				 MHD_USE_DUAL_STACK | MHD_USE_POLL,
		WEB_PORT, NULL, NULL, answer, NULL, MHD_OPTION_NOTIFY_COMPLETED,
		asked_over, NULL, MHD_OPTION_CONNECTION_LIMIT, 64U,
		MHD_OPTION_CONNECTION_TIMEOUT, 30U, MHD_OPTION_END) == NULL)
		return fault_sys(f, "listen on port %d", WEB_PORT);
	follow();
	return 0;
}

int
main(void)
{
	return serve_main("web", WEB_CONFIG, run);
}
