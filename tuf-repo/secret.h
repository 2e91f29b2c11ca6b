/*
 * A passphrase in locked memory that no core dump holds, wiped at the end.
 *
 * Where one comes from, in this order: what the command line names, the
 * credential of systemd ($CREDENTIALS_DIRECTORY), a question on the terminal;
 * never an argument or a variable of the environment.
 */
#ifndef KILN_SECRET_H
#define KILN_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/attr.h"
#include "lib/err.h"

#define SECRET_MAX 1024

struct secret {
	char *p; /* NULL: none; guarded pages of libsodium */
	size_t n;
};
#define SECRET_INIT     \
	{               \
		NULL, 0 \
	}
#define auto_secret __attribute__((cleanup(secret_release)))
void secret_release(struct secret *);

/* Names of credentials: those of keys that a service uses, and others that a
 * ceremony is given by `systemd-run -p LoadCredential=`. */
enum credential {
	CRED_SIGNER,  /* kiln-tuf.passphrase: the online keys */
	CRED_OFFLINE, /* kiln-tuf.offline-passphrase */
	CRED_NEW,     /* kiln-tuf.new-passphrase: of a key that is made */
	CRED_PIN,     /* kiln-tuf.pin: of tokens */
};

struct secret_source {
	const char *file; /* NULL: not named */
	int fd;		  /* -1: not named */
	enum credential credential;
};
#define SECRET_SOURCE_INIT            \
	{                             \
		NULL, -1, CRED_SIGNER \
	}

/* For a process that will hold secrets: no core dump, not traceable. */
int secret_process(struct err *) KILN_MUST;
/* All that comes, without one newline at its end; empty, longer than
 * SECRET_MAX or with a NUL byte is ERR_INPUT. */
int secret_read(struct secret *, int fd, struct err *) KILN_MUST;
/* "PROMPT: " on the terminal, without echo; `twice` for a new one. */
int secret_ask(
    struct secret *, const char *prompt, bool twice, struct err *) KILN_MUST;
/*
 * From the source, the credential or the terminal.  ERR_MISSING when there is
 * none of them.  A file that others may read is ERR_TRUST.
 */
int secret_get(struct secret *, const struct secret_source *,
    const char *prompt, bool twice, struct err *) KILN_MUST;
/* Is there an option or a credential, so that nobody need be asked? */
bool secret_named(const struct secret_source *);
/* The same without asking: *fd is -1 when nothing names one. */
int secret_open(const struct secret_source *, int *fd, struct err *) KILN_MUST;
/* The read end of a pipe that holds it, for a child. */
int secret_give(const struct secret *, int *fd, struct err *) KILN_MUST;
/* The argument of --passphrase-fd; 0 or an exit code, said. */
int secret_fd_option(
    const char *where, struct secret_source *, const char *text) KILN_MUST;

#endif
