/*
 * Who may do what.  Operators have a name, a rank and a password (Argon2id);
 * a browser gets a session of half a day, a program a token with a scope and
 * an end.  web.db keeps digests of both, never themselves.  What anybody did
 * stands in `audit`, which nothing can change.
 */
#ifndef KILN_ACCOUNT_H
#define KILN_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/secret.h"

enum rank { RANK_NOBODY, RANK_VIEWER, RANK_OPERATOR, RANK_ADMIN, RANK_COUNT };
/* "viewer" …; NULL for RANK_NOBODY. */
const char *rank_name(enum rank);
/* RANK_NOBODY when it is none. */
enum rank rank_of(const char *);

#define ACCOUNT_NAME 65
#define SESSION_S (12 * 3600)
#define PASSWORD_LEAST 10
/* Wrong passwords before a name, or everybody, has to wait. */
#define LOGIN_TRIES 10
#define LOGIN_WINDOW_S 900
#define LOGIN_TRIES_ALL 30
#define LOGIN_WINDOW_ALL_S 60

struct who {
	int64_t id;
	char name[ACCOUNT_NAME];
	enum rank rank;		/* of a token: at most its scope's */
	bool by_token;		/* no cookie: nobody can send it for him */
	char csrf[SECRET_TEXT]; /* of the session */
};

/* Replaces the password and rank of one that is there. */
int account_set(struct db *, const char *name, enum rank, const char *password,
    struct err *) KILN_MUST;
/* 1: the secret is a new session's; 0: wrong; -1: ERR_BUSY after too many
 * wrong ones, or a database's error. */
int account_login(struct db *, const char *name, const char *password,
    char secret[SECRET_TEXT], struct err *) KILN_MUST;
int account_logout(struct db *, const char *secret, struct err *) KILN_MUST;
/* A token of at most the account's rank that ends after so many seconds. */
int account_token(struct db *, const char *name, enum rank scope,
    int64_t lifetime_s, char secret[SECRET_TEXT], struct err *) KILN_MUST;
/* 1: *who is known; 0: nobody has this secret, or it has ended. */
int account_of_session(
    struct db *, const char *secret, struct who *, struct err *) KILN_MUST;
int account_of_token(
    struct db *, const char *secret, struct who *, struct err *) KILN_MUST;

int audit_add(struct db *, const char *who, const char *what, const char *text,
    struct err *) KILN_MUST;

#endif
