/*
 * One request: who asks (door.h), about what (dav.h), and how it is answered.
 * All is done in the one thread of the server, so that a calendar is nobody
 * else's meanwhile.
 */
#ifndef CALDAV_REQUEST_H
#define CALDAV_REQUEST_H

#include "recipes/caldav/dav.h"
#include "recipes/microhttpd/serve.h"

#define CAL_XML "application/xml; charset=utf-8"
#define CAL_ICS "text/calendar; charset=utf-8"

struct server { /* lives as long as the process */
	struct cal_conf conf;
	struct keep keeps[CAL_CALENDARS]; /* of conf.calendar */
};
struct request {
	struct server *server;
	struct MHD_Connection *c;
	const char *method;
	const struct asked *asked; /* the body, of ASK_MAX bytes at most */
	int user;
	struct dav_target at;
	char name[KEEP_NAME + 1]; /* of an item, there or not */
};

bool request_is(const struct request *, const char *method);
/* NULL: there is none. */
const char *request_header(const struct request *, const char *name);
bool request_may(const struct request *, uint32_t right);
/* Fills `at` and `name` from a path.  -1: it is not there; what is not for this
 * user's eyes is not, either. */
int request_where(struct request *, const char *path);
/* The same for "NAME/…", of a calendar: what follows, or NULL. */
const char *request_calendar(struct request *, const char *path);
struct keep *request_keep(const struct request *);

/* Answers; `tag`: an ETag, or NULL. */
enum MHD_Result request_answer(struct request *, unsigned int status,
    struct MHD_Response *, const char *type, const char *tag);
enum MHD_Result request_words(
    struct request *, unsigned int status, const char *text);
/* Without a body. */
enum MHD_Result request_empty(
    struct request *, unsigned int status, const char *tag);
/* RFC 4791 1.3: which condition was not met. */
enum MHD_Result request_refused(
    struct request *, unsigned int status, const char *condition);
/* 500, and the log says why. */
enum MHD_Result request_failed(struct request *, const struct fault *);

/* What can be asked: of one item, of many (PROPFIND and REPORT), and of the
 * history, as git clones it, by "NAME/FILE". */
enum MHD_Result item_asked(struct request *);
enum MHD_Result report_asked(struct request *);
enum MHD_Result history_asked(struct request *, const char *path);

#endif
