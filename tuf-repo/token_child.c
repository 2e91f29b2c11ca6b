/*
 * kiln-tuf -x token: runs a token's own software for one ceremony.  It keeps
 * the operator's uid, which the token's device or daemon asks for, and gives
 * up exec, and whatever else drop_syscalls takes.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/drop.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "lib/own.h"
#include "tuf-repo/pkcs11.h"
#include "tuf-repo/token.h"
#include "tuf-repo/token_proto.h"

struct asked {
	struct p11 *p11;
	uint32_t type; /* of the answer */
	struct buf answer;
};

static int
open_token(struct asked *a, struct ipc_msg *m, struct err *err)
{
	auto_free char *uri = NULL;

	if (a->p11)
		return err_set(err, ERR_INPUT, "it is open");
	if (ipc_get_str(m, KEY_URI_MAX, &uri, err) == -1 ||
	    ipc_end(m, err) == -1 || !(a->p11 = p11_open(uri, err)))
		return -1;
	a->type = TOKEN_IS;
	ipc_add_str(&a->answer, p11_label(a->p11));
	ipc_add_str(&a->answer, p11_pin_source(a->p11));
	ipc_add_u32(&a->answer, p11_needs_pin(a->p11));
	return 0;
}

static int
login(struct asked *a, struct ipc_msg *m, bool write, struct err *err)
{
	auto_secret struct secret pin = SECRET_INIT;

	if (m->fds[0] != -1 && secret_read(&pin, m->fds[0], err) == -1)
		return -1;
	return p11_login(a->p11, &pin, write, err);
}

static int
sign(struct asked *a, struct ipc_msg *m, struct err *err)
{
	struct sig_public pub;
	struct span bytes;
	struct sig sig;

	if (ipc_get_bytes(m, IPC_MAX, &bytes, err) == -1 ||
	    ipc_end(m, err) == -1 || login(a, m, false, err) == -1 ||
	    p11_sign(a->p11, bytes.p, bytes.n, &pub, &sig, err) == -1)
		return -1;
	a->type = TOKEN_DONE;
	ipc_add_bytes(&a->answer, pub.b, sizeof(pub.b));
	ipc_add_bytes(&a->answer, sig.b, sizeof(sig.b));
	return 0;
}

static int
key(struct asked *a, struct ipc_msg *m, struct err *err)
{
	bool make = m->type == TOKEN_MAKE;
	auto_free char *label = NULL;
	char uri[KEY_URI_MAX];
	struct sig_public pub;

	if ((make && ipc_get_str(m, KEY_NAME_MAX, &label, err) == -1) ||
	    ipc_end(m, err) == -1 || login(a, m, make, err) == -1 ||
	    (make ? p11_make(a->p11, label, &pub, uri, err)
		  : p11_show(a->p11, &pub, uri, err)) == -1)
		return -1;
	a->type = TOKEN_KEY;
	ipc_add_bytes(&a->answer, pub.b, sizeof(pub.b));
	ipc_add_str(&a->answer, uri);
	return 0;
}

static int
answer_one(struct asked *a, struct ipc_msg *m, struct err *err)
{
	if (m->type == TOKEN_OPEN)
		return open_token(a, m, err);
	if (!a->p11)
		return err_set(err, ERR_INPUT, "no token is open");
	if (m->type == TOKEN_SIGN)
		return sign(a, m, err);
	if (m->type == TOKEN_SHOW || m->type == TOKEN_MAKE)
		return key(a, m, err);
	return err_set(err, ERR_INPUT, "no such question");
}

static int
serve(struct asked *a, struct err *err)
{
	for (;;) {
		auto_ipc struct ipc_msg m = IPC_MSG_INIT;
		struct err no = ERR_INIT;
		int got = ipc_recv(TOKEN_SOCKET, -1, &m, err);

		if (got <= 0)
			return got;
		buf_clear(&a->answer);
		if (answer_one(a, &m, &no) == -1) {
			a->type = TOKEN_FAILED;
			buf_clear(&a->answer);
			ipc_add_err(&a->answer, &no);
		}
		if (ipc_send(TOKEN_SOCKET, a->type, &a->answer, NULL, 0, err) ==
		    -1)
			return -1;
	}
}

int
token_main(void)
{
	struct asked a = { .answer = BUF_INIT };
	struct err err = ERR_INIT;
	int rc = -1;

	log_open("kiln-tuf-token", false);
	if (fcntl(TOKEN_SOCKET, F_SETFD, FD_CLOEXEC) == -1)
		err_set(&err, ERR_INPUT, "only kiln-tuf itself starts this");
	else if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		err_sys(&err, "give up new privileges");
	/* Some tokens are reached over a socket. */
	else if (secret_process(&err) == 0 &&
		 drop_syscalls(false, true, &err) == 0)
		rc = serve(&a, &err);
	p11_free(a.p11);
	buf_release(&a.answer);
	if (rc == 0)
		return EXIT_DONE;
	log_err("token-ended", &err);
	return err_exit(&err);
}
