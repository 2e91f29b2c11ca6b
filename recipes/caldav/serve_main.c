/*
 * Answers on port 80 in one thread of libmicrohttpd: what it does to a
 * calendar is over before the next request is looked at.
 */
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

static enum MHD_Result
answer(void *cls, struct MHD_Connection *c, const char *path,
    const char *method, const char *version, const char *data, size_t *n,
    void **state)
{
	struct request q = { .server = cls, .c = c, .method = method };
	enum MHD_Result meanwhile;

	(void)version;
	if (!asked_whole(state, ASK_MAX, data, n, &meanwhile))
		return meanwhile;
	q.asked = *state;
	return handle(&q, path);
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
		MHD_OPTION_NOTIFY_COMPLETED, asked_over, NULL,
		MHD_OPTION_CONNECTION_LIMIT, 64U, MHD_OPTION_CONNECTION_TIMEOUT,
		30U, MHD_OPTION_END) == NULL)
		return fault_sys(f, "listen on port %d", CAL_PORT);
	for (;;)
		pause();
}

int
main(void)
{
	return serve_main("caldav", CAL_CONFIG, run);
}
