/*
 * What a page on the LAN may ask of the agent: the words of the state port of
 * the one machine that agent.yaml names as `page`, and no other verbs
 * (docs/formats.md, settings).  All it can name is a service's `config`: not
 * trust, keys, servers, channels or pins.
 *
 *	settings TOKEN           how everything stands
 *	part TOKEN BASE64        of a text that follows
 *	change TOKEN SERVICE     … whose config it becomes
 *	back TOKEN SERVICE       the config before comes back
 *
 * The watcher puts them together (setting_read) and parses the text once; the
 * parent checks fields and text again.
 */
#ifndef AGENT_SETTING_H
#define AGENT_SETTING_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/ipc.h"

#define SETTING_TOKEN 17   /* 16 hex digits and NUL */
#define SETTING_SERVICE 64 /* bytes with NUL */
#define SETTING_TEXT 32768 /* bytes of a config as JSON */

enum setting_verb {
	SETTING_ASKED,
	SETTING_CHANGE,
	SETTING_BACK,
	SETTING_REFUSED, /* a change whose text is no config */
};
struct setting_word {
	enum setting_verb verb;
	char token[SETTING_TOKEN];
	char service[SETTING_SERVICE]; /* "" of SETTING_ASKED */
	struct buf text; /* SETTING_CHANGE: JSON; SETTING_REFUSED: why */
};
#define SETTING_WORD_INIT        \
	{                        \
		.text = BUF_INIT \
	}
void setting_word_release(struct setting_word *);
#define auto_setting __attribute__((cleanup(setting_word_release)))

/* Is it one of these words, whatever stands behind it? */
bool setting_is(const char *line);
struct setting_reader {
	char token[SETTING_TOKEN]; /* whose text is being collected */
	struct buf text;
};
#define SETTING_READER_INIT      \
	{                        \
		.text = BUF_INIT \
	}
/* A line without its end.  1: *out is whole; 0: more follows; ERR_INPUT says
 * what is wrong with it, and what was collected is dropped. */
int setting_read(struct setting_reader *, const char *line,
    struct setting_word *out, struct err *) KILN_MUST;

/*
 * A text as `config` of agent.yaml, by that file's own parser: new reference.
 * What it could not hold is refused: null, reals, control characters, keys
 * twice.
 */
json_t *setting_config(const void *, size_t, struct err *) KILN_MUST;

/* Is it what the service's image understands (lib/conf_schema.h)?  ERR_INPUT,
 * "settings:LINE:COLUMN: SERVICE: sentence". */
int setting_fits(const json_t *config, const char *service, const char *schema,
    struct err *) KILN_MUST;

/* As fields of a message; receiving ends it and checks each. */
void setting_word_send(const struct setting_word *, struct buf *fields);
int setting_word_receive(
    struct ipc_msg *, struct setting_word *, struct err *) KILN_MUST;

#endif
