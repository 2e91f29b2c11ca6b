/*
 * Answers on port 80 in one thread of libmicrohttpd: what it does to a
 * calendar is over before the next request is looked at.
 */
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "recipes/caldav/door.h"
#include "recipes/caldav/request.h"

static enum MHD_Result
handle(struct request *q, const char *path)
{
	bool looks = request_is(q, "PROPFIND") || request_is(q, "REPORT");

	if (request_is(q, "OPTIONS"))
		return request_words(q, MHD_HTTP_OK, "");
	if (strcmp(path, "/.well-known/caldav") == 0)
		return request_words(q, MHD_HTTP_MOVED_PERMANENTLY, "/\n");
	q->user = door_opens(
	    &q->server->conf, request_header(q, MHD_HTTP_HEADER_AUTHORIZATION));
	if (q->user == -1)
		return request_words(
		    q, MHD_HTTP_UNAUTHORIZED, "who are you?\n");
	if (strncmp(path, "/history/", 9) == 0 && request_is(q, "GET"))
		return history_asked(q, path + 9);
	if (request_where(q, path) == -1 ||
	    (looks && q->at.at == AT_ITEM && q->at.item == NULL))
		return request_words(q, MHD_HTTP_NOT_FOUND, "not here\n");
	if (looks)
		return report_asked(q);
	if (q->at.at == AT_ITEM)
		return item_asked(q);
	return request_words(q, MHD_HTTP_METHOD_NOT_ALLOWED,
	    "calendars are made where the router is configured\n");
}

static int
collect(struct asked *a, const char *data, size_t n)
{
	char *more;

	if (n > ASK_MAX - a->n || a->large) {
		a->large = true; /* the rest is read and dropped */
		return 0;
	}
	more = realloc(a->body, a->n + n);
	if (more == NULL)
		return -1;
	memcpy(more + a->n, data, n);
	a->body = more;
	a->n += n;
	return 0;
}

static enum MHD_Result
answer(void *cls, struct MHD_Connection *c, const char *path,
    const char *method, const char *version, const char *data, size_t *n,
    void **state)
{
	struct request q = {
		.server = cls, .c = c, .method = method, .asked = *state
	};

	(void)version;
	if (q.asked == NULL) {
		*state = calloc(1, sizeof *q.asked);
		return *state == NULL ? MHD_NO : MHD_YES;
	}
	if (*n > 0) {
		if (collect(q.asked, data, *n) == -1)
			return MHD_NO;
		*n = 0;
		return MHD_YES;
	}
	return handle(&q, path);
}

static void
over(void *cls, struct MHD_Connection *c, void **state,
    enum MHD_RequestTerminationCode why)
{
	struct asked *a = *state;

	(void)cls;
	(void)c;
	(void)why;
	if (a != NULL)
		free(a->body);
	free(a);
}

static int
run(const json_t *config, struct fault *f)
{
	static struct server server;
	struct cal_conf *conf = &server.conf;
	size_t i;

	if (cal_conf_read(config, conf, f) == -1)
		return -1;
	for (i = 0; i < conf->calendars; i++) {
		if (keep_open(&server.keeps[i], conf->calendar[i].name, f) ==
		    -1)
			return -1;
	}
	if (MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD |
				 MHD_USE_DUAL_STACK | MHD_USE_POLL,
		CAL_PORT, NULL, NULL, answer, &server,
		MHD_OPTION_NOTIFY_COMPLETED, over, NULL,
		MHD_OPTION_CONNECTION_LIMIT, 64U, MHD_OPTION_CONNECTION_TIMEOUT,
		30U, MHD_OPTION_END) == NULL)
		return fault_sys(f, "listen on port %d", CAL_PORT);
	for (;;)
		pause();
}

int
main(void)
{
	auto_json json_t *config = NULL;
	struct fault f;
	char *text;
	size_t n;

	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() == -1)
		return 1;
	if (guest_read(CAL_CONFIG, GUEST_CONFIG_MAX, &text, &n, &f) == 0) {
		config = guest_json("config", text, n, &f);
		if (config != NULL)
			run(config, &f);
	}
	fprintf(stderr, "caldav: %s\n", f.text);
	return 1;
}
