/* What pkcs11.c (the token) and pkcs11_key.c (a key on it) share. */
#ifndef KILN_PKCS11_STATE_H
#define KILN_PKCS11_STATE_H

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

#include "tuf-repo/pkcs11.h"

#define P11_URI P11_KIT_URI_FOR_OBJECT_ON_TOKEN_AND_MODULE

struct p11 {
	P11KitUri *uri;
	CK_FUNCTION_LIST **modules; /* NULL: `single` was named by its path */
	CK_FUNCTION_LIST *single;
	CK_FUNCTION_LIST *m; /* the token's */
	CK_SLOT_ID slot;
	CK_TOKEN_INFO info;
	CK_SESSION_HANDLE session;
	bool logged_in;
	char label[sizeof(((CK_TOKEN_INFO *)0)->label) + 1];
};

/* "token LABEL: WHAT: why" */
int p11_failed(struct err *, const struct p11 *, const char *what, CK_RV);
/* ERR_INPUT when the token has no such mechanism. */
int p11_mechanism(struct p11 *, CK_MECHANISM_TYPE, struct err *) KILN_MUST;

#endif
