#include "tuf-repo/token.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/ipc.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/spawn.h"
#include "tuf-repo/token_proto.h"

#define PATIENCE_MS 300000 /* somebody looks for a card and types its PIN */
#define END_MS 5000

struct token {
	struct child child;
	int sock;
	char *label, *pin_source;
	bool needs_pin;
};

bool
token_uri(const char *s)
{
	return strncmp(s, "pkcs11:", 7) == 0;
}

const char *
token_label(const struct token *t)
{
	return t->label;
}

bool
token_needs_pin(const struct token *t)
{
	return t->needs_pin;
}

const char *
token_pin_source(const struct token *t)
{
	return t->pin_source && t->pin_source[0] ? t->pin_source : NULL;
}

/* --- the child --------------------------------------------------------- */

/* With the operator's environment: a token's software has its own settings
 * there. */
static int
start(struct token *t, struct err *err)
{
	static const char *const argv[] = { "kiln-tuf", "-x", "token", NULL };
	struct spawn sp = SPAWN_INIT;
	int sv[2], rc;

	if (ipc_pair(sv, err) == -1)
		return -1;
	sp.argv = argv;
	sp.env = (const char *const *)environ;
	sp.exec_self = true;
	sp.die_with_parent = true;
	sp.fds[0] = sv[1];
	sp.nfds = 1;
	rc = spawn_start(&sp, &t->child, err);
	close(sv[1]);
	if (rc == -1) {
		close(sv[0]);
		return err_prefix(err, "start the token's process");
	}
	t->sock = sv[0];
	return 0;
}

static int
exchange(struct token *t, uint32_t type, const struct buf *fields,
    const struct secret *pin, uint32_t want, struct ipc_msg *m, struct err *err)
{
	auto_fd int fd = -1;
	int got;

	if (pin && pin->p && secret_give(pin, &fd, err) == -1)
		return -1;
	if (ipc_send(t->sock, type, fields, fd == -1 ? NULL : &fd, fd != -1,
		err) == -1)
		return -1;
	got = ipc_recv(t->sock, PATIENCE_MS, m, err);
	if (got == -1)
		return err_prefix(err, "token");
	if (got == 0)
		return err_set(err, ERR_SYSTEM,
		    "the token's software ended before it answered");
	if (m->type == TOKEN_FAILED)
		return ipc_get_err(m, ERR_SYSTEM, err);
	if (m->type != want)
		return err_set(
		    err, ERR_TRUST, "token: its answer has another form");
	return 0;
}

struct token *
token_open(const char *uri, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	auto_buf struct buf fields = BUF_INIT;
	struct token *t = mem_zero(1, sizeof(*t));
	uint32_t needs;

	t->child = (struct child)CHILD_INIT;
	t->sock = -1;
	ipc_add_str(&fields, uri);
	if (start(t, err) == -1 ||
	    exchange(t, TOKEN_OPEN, &fields, NULL, TOKEN_IS, &m, err) == -1 ||
	    ipc_get_str(&m, TOKEN_LABEL_MAX, &t->label, err) == -1 ||
	    ipc_get_str(&m, KEY_URI_MAX, &t->pin_source, err) == -1 ||
	    ipc_get_u32(&m, &needs, err) == -1 || ipc_end(&m, err) == -1) {
		token_free(t);
		return NULL;
	}
	t->needs_pin = needs != 0;
	return t;
}

void
token_free(struct token *t)
{
	struct err ignore = ERR_INIT;
	struct spawn_end end;

	if (!t)
		return;
	own_close(&t->sock); /* it sees that and ends */
	if (t->child.pid && spawn_wait(&t->child, END_MS, &end, &ignore) == -1)
		spawn_kill(&t->child);
	free(t->label);
	free(t->pin_source);
	free(t);
}

/* --- questions --------------------------------------------------------- */

static int
get_exact(struct ipc_msg *m, void *out, size_t n, struct err *err)
{
	struct span s;

	if (ipc_get_bytes(m, n, &s, err) == -1)
		return -1;
	if (s.n != n)
		return err_set(err, ERR_TRUST, "token: a short field");
	memcpy(out, s.p, n);
	return 0;
}

int
token_sign(struct token *t, const struct secret *pin, const struct buf *bytes,
    struct sig_public *pub, struct sig *sig, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	auto_buf struct buf fields = BUF_INIT;

	ipc_add_bytes(&fields, bytes->data, bytes->len);
	if (fields.len > IPC_MAX)
		return err_set(err, ERR_INPUT,
		    "%zu bytes are more than a token is given", bytes->len);
	if (exchange(t, TOKEN_SIGN, &fields, pin, TOKEN_DONE, &m, err) == -1 ||
	    get_exact(&m, pub->b, sizeof(pub->b), err) == -1 ||
	    get_exact(&m, sig->b, sizeof(sig->b), err) == -1 ||
	    ipc_end(&m, err) == -1)
		return -1;
	if (!sig_public_ok(pub) ||
	    !sig_verify(pub, bytes->data, bytes->len, sig))
		return err_set(err, ERR_TRUST,
		    "token %s: its signature does not verify", t->label);
	return 0;
}

static int
get_key(struct ipc_msg *m, struct sig_public *pub, char uri[KEY_URI_MAX],
    struct err *err)
{
	auto_free char *text = NULL;

	if (get_exact(m, pub->b, sizeof(pub->b), err) == -1 ||
	    ipc_get_str(m, KEY_URI_MAX, &text, err) == -1 ||
	    ipc_end(m, err) == -1)
		return -1;
	if (!sig_public_ok(pub) || strlen(text) >= KEY_URI_MAX)
		return err_set(err, ERR_TRUST, "token: no good key");
	memcpy(uri, text, strlen(text) + 1);
	return 0;
}

int
token_show(struct token *t, const struct secret *pin, struct sig_public *pub,
    char uri[KEY_URI_MAX], struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	auto_buf struct buf none = BUF_INIT;

	if (exchange(t, TOKEN_SHOW, &none, pin, TOKEN_KEY, &m, err) == -1)
		return -1;
	return get_key(&m, pub, uri, err);
}

int
token_make(struct token *t, const struct secret *pin, const char *label,
    struct sig_public *pub, char uri[KEY_URI_MAX], struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	auto_buf struct buf fields = BUF_INIT;

	ipc_add_str(&fields, label);
	if (exchange(t, TOKEN_MAKE, &fields, pin, TOKEN_KEY, &m, err) == -1)
		return -1;
	return get_key(&m, pub, uri, err);
}
