/*
 * The eyes of `kiln up` and `kiln build`: a child under a uid of its own that
 * reads the databases, shows progress and says what comes next.  Its parent,
 * the supervisor, is root and parses nothing foreign: it obeys the few verbs
 * below and nothing else.
 */
#ifndef KILN_WATCH_H
#define KILN_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#define WATCH_NAMES 32 /* of recipes, of services */

/* Parent to child, once: the fields of struct watch_setup in order. */
enum watch_msg {
	WATCH_SETUP = 1,
	/* Child to parent; each is answered by WATCH_OK or WATCH_ERROR. */
	WATCH_KEYS,   /* u32 n, n strings: services that need a role */
	WATCH_ROUTER, /* start the demonstration router */
	WATCH_STATUS, /* ask the router; OK carries kiln-agent's JSON */
	WATCH_QUERY, /* str address, str name: dig from the LAN; OK: its text */
	WATCH_READY, /* everything was shown */
	/* Answers. */
	WATCH_OK,    /* bytes */
	WATCH_ERROR, /* u32 err_class, str sentence */
};

struct watch_setup {
	char *state;   /* folder, reachable */
	char *shown;   /* the same as the operator knows it */
	char *url;     /* of the dashboard */
	int64_t since; /* Unix time: cycles before it do not count */
	bool demo, once;
	bool alone;		 /* only built, not published: `kiln build` */
	bool keys;		 /* the repository has been initialised */
	bool router;		 /* a demonstration router can be started */
	char *only[WATCH_NAMES]; /* recipes that were asked for */
	uint32_t nonly;
};

#define WATCH_TEXT_MAX 65536

int watch_main(void); /* `kiln -x watch`, socket at descriptor 3 */

#endif
