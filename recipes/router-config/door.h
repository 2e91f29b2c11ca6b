/*
 * Who may come in: a password, which the first who comes chooses and of which
 * the volume has an Argon2id hash alone, and sessions, in memory.
 *
 * Wrong passwords cost time: after DOOR_FREE of them each doubles a wait, in
 * which nobody's is looked at.
 */
#ifndef ROUTER_CONFIG_DOOR_H
#define ROUTER_CONFIG_DOOR_H

#include "recipes/router-config/page.h"

#define DOOR_FREE 5
#define DOOR_WAIT_MAX_S 300
#define DOOR_IDLE_S 1800
#define DOOR_SESSIONS 16

struct session {
	char id[PAGE_TOKEN];	/* the cookie; "" is a free place */
	char token[PAGE_TOKEN]; /* of its forms */
	int64_t seen;		/* monotonic seconds */
};
struct door {
	char hash[128]; /* crypto_pwhash_STRBYTES; "": nobody came yet */
	char login[PAGE_TOKEN]; /* of the forms before a session */
	struct session at[DOOR_SESSIONS];
	unsigned wrong;
	int64_t open_at; /* monotonic seconds */
};

int door_open(struct door *, struct fault *); /* reads the volume */
/* Durable on return; every session ends. */
int door_set(struct door *, const char *password, struct fault *);
/* Seconds to wait first; 0: it may be tried. */
int64_t door_wait(const struct door *);
bool door_try(struct door *, const char *password);
/* A new one, in the place of the one that was quiet longest. */
struct session *door_enter(struct door *);
/* That of a Cookie header, or NULL. */
struct session *door_session(struct door *, const char *cookie);

#endif
