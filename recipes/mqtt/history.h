/*
 * What topics said, kept in memory, and questions about it.
 *
 * Kept is what matches a filter of the configuration, its last `keep` messages
 * for each topic; all together at most HISTORY_BYTES: beyond, the oldest of
 * whatever topic goes.  It is gone with the machine.
 *
 * A question is a message to HISTORY_ASK,
 *
 *	{"topic":"sensors/hall","last":10,"since":1767225600,
 *	 "to":"history/answer/anything"}
 *
 * of which topic and to are needed, and the answer a message to `to`:
 *
 *	{"topic":"sensors/hall","messages":[{"at":1767225601,"text":"21.5"}]}
 *
 * oldest first; "base64" stands for "text" where the payload is not UTF-8, and
 * {"error":"SENTENCE"} for messages where the question is not good.
 */
#ifndef MQTT_HISTORY_H
#define MQTT_HISTORY_H

#include "recipes/guest-init/guest.h"

#define HISTORY_ASK "history/ask"
#define HISTORY_ANSWER "history/answer/"
#define HISTORY_FILTERS 32
#define HISTORY_KEEP 10000
#define HISTORY_BYTES (6U << 20) /* payloads, and what each costs beside */
#define HISTORY_TOPIC 256
#define HISTORY_PAYLOAD 16384	  /* larger ones are not kept */
#define HISTORY_LAST 500	  /* messages in one answer */
#define HISTORY_TEXT (200U << 10) /* bytes of one answer, about */

struct history_filter {
	char topic[HISTORY_TOPIC];
	size_t keep;
};

struct history_topic;
struct history {
	struct history_filter filter[HISTORY_FILTERS];
	size_t filters;
	struct history_topic *topics;
	size_t bytes, messages;
};

/* [{"topic","keep"}]; keep is 100 unless given. */
int history_read(const json_t *list, struct history *, struct fault *);
void history_release(struct history *);
/* MQTT 4.7: + is one level, # the rest; not those that begin with $. */
bool history_matches(const char *filter, const char *topic);
/* Keeps it, unless no filter is for it. */
void history_take(struct history *, const char *topic, int64_t at,
    const void *payload, size_t);
/* The answer's text, malloc'd, and where it goes; NULL: nobody is told, since
 * the question does not say whom. */
char *history_answer(
    const struct history *, const void *question, size_t, char **to);

#endif
