#include "builder/cli/cosigner.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cosign.h"
#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/sealed.h"
#include "lib/statement.h"
#include "lib/tuf.h"

enum {
	COSIGN_KEY = 1,
	COSIGN_DRAFT,
	COSIGN_STATEMENT,
	COSIGN_DONE,
	COSIGN_REFUSED
};

#define SOCKET 3
#define DRAFT "/proc/self/fd/3" /* as kiln-tuf gets it */
#define PATIENCE_MS 120000	/* Argon2id takes its time */

/* --- the child -------------------------------------------------------------
 */

struct keeper {
	char *key, *pass, *program, *folder, *out;
};

static int
find_program(struct keeper *k, struct err *err)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n == -1)
		return err_sys(err, "find kiln-tuf");
	self[n] = '\0';
	slash = strrchr(self, '/');
	*slash = '\0';
	k->program = mem_printf("%s/kiln-tuf", self);
	return 0;
}

static int
begin(struct keeper *k, struct ipc_msg *m, struct err *err)
{
	char folder[] = "/tmp/kiln-cosign.XXXXXX";

	if (m->type != COSIGN_KEY ||
	    ipc_get_str(m, PATH_MAX, &k->key, err) == -1 ||
	    ipc_get_str(m, PATH_MAX, &k->pass, err) == -1 ||
	    ipc_end(m, err) == -1 || find_program(k, err) == -1)
		return -1;
	if (!mkdtemp(folder))
		return err_sys(err, "make a folder for signatures");
	k->folder = mem_str(folder);
	k->out = mem_printf("%s/signature", folder);
	return 0;
}

/* A draft with its role, or a statement. */
static int
sign(
    const struct keeper *k, struct ipc_msg *m, struct buf *out, struct err *err)
{
	bool draft = m->type == COSIGN_DRAFT;
	auto_free char *role = NULL;
	struct spawn sp = SPAWN_INIT;
	const char *argv[12] = { k->program, draft ? "cosign" : "attest",
		"--yes", "--key", k->key, "--out", k->out };
	size_t n = 7;

	if ((!draft && m->type != COSIGN_STATEMENT) ||
	    ipc_get_str(m, COSIGN_ROLE_MAX, &role, err) == -1 ||
	    ipc_end(m, err) == -1)
		return -1;
	if (m->fds[0] == -1)
		return err_set(err, ERR_INPUT, "nothing to sign");
	if (k->pass[0]) {
		argv[n++] = "--passphrase-file";
		argv[n++] = k->pass;
	}
	if (draft)
		argv[n++] = role;
	argv[n++] = DRAFT;
	sp.argv = argv;
	sp.fds[sp.nfds++] = m->fds[0];
	if (spawn_capture(&sp, PATIENCE_MS, 1 << 20, NULL, NULL, err) == -1)
		return err_prefix(err, "%s", role);
	return file_read(k->out, STATEMENT_ENVELOPE_MAX, out, err);
}

static int
serve(struct keeper *k, struct err *err)
{
	for (bool first = true;; first = false) {
		auto_ipc struct ipc_msg m = IPC_MSG_INIT;
		auto_buf struct buf text = BUF_INIT, answer = BUF_INIT;
		struct err no = ERR_INIT;
		int got = ipc_recv(SOCKET, -1, &m, err);

		if (got <= 0)
			return got;
		if (first) {
			if (begin(k, &m, err) == -1)
				return -1;
			continue;
		}
		if (sign(k, &m, &text, &no) == 0) {
			ipc_add_bytes(&answer, text.data, text.len);
			got = ipc_send(
			    SOCKET, COSIGN_DONE, &answer, NULL, 0, err);
		} else {
			ipc_add_str(&answer, no.msg);
			got = ipc_send(
			    SOCKET, COSIGN_REFUSED, &answer, NULL, 0, err);
		}
		if (got == -1)
			return -1;
	}
}

int
cosigner_main(void)
{
	struct keeper k = { 0 };
	struct err err = ERR_INIT;
	int rc;

	log_open("kiln-rebuilder-signer", false);
	rc = serve(&k, &err);
	if (k.out) {
		unlink(k.out);
		rmdir(k.folder);
	}
	if (rc == -1)
		log_err("signer-ended", &err);
	return rc == -1 ? err_exit(&err) : EXIT_DONE;
}

/* --- the parent ------------------------------------------------------------
 */

int
cosigner_start(
    struct cosigner *c, const char *key, const char *pass, struct err *err)
{
	static const char *const argv[] = { "kiln", "-x", "cosign", NULL };
	auto_buf struct buf fields = BUF_INIT;
	struct spawn sp = SPAWN_INIT;
	int sv[2];

	if (access(key, R_OK) == -1)
		return err_sys(err, "--key %s", key);
	if (ipc_pair(sv, err) == -1)
		return -1;
	sp.argv = argv;
	sp.exec_self = true;
	sp.new_session = true;
	sp.fds[sp.nfds++] = sv[1];
	if (spawn_start(&sp, &c->child, err) == -1) {
		close(sv[0]);
		close(sv[1]);
		return err_prefix(err, "start the signer");
	}
	close(sv[1]);
	c->sock = sv[0];
	ipc_add_str(&fields, key);
	ipc_add_str(&fields, pass ? pass : "");
	return ipc_send(c->sock, COSIGN_KEY, &fields, NULL, 0, err);
}

static int
ask(struct cosigner *c, uint32_t type, const char *role,
    const struct buf *bytes, struct buf *signature, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	auto_buf struct buf fields = BUF_INIT;
	auto_fd int draft = sealed_make(bytes->data, bytes->len, err);
	auto_free char *text = NULL;
	struct span got;
	int rc;

	if (draft == -1)
		return -1;
	ipc_add_str(&fields, role);
	if (ipc_send(c->sock, type, &fields, &draft, 1, err) == -1)
		return -1;
	rc = ipc_recv(c->sock, PATIENCE_MS + 5000, &m, err);
	if (rc <= 0)
		return rc == 0
			   ? err_set(err, ERR_SYSTEM, "the signer has ended")
			   : -1;
	if (m.type == COSIGN_REFUSED) {
		if (ipc_get_str(&m, sizeof(err->msg), &text, err) == -1)
			return -1;
		return err_set(err, ERR_TRUST, "%s", text);
	}
	if (m.type != COSIGN_DONE ||
	    ipc_get_bytes(&m, STATEMENT_ENVELOPE_MAX, &got, err) == -1)
		return err_set(err, ERR_SYSTEM, "the signer's answer is none");
	buf_add(signature, got.p, got.n);
	return 0;
}

int
cosigner_sign(struct cosigner *c, const char *role, const struct buf *bytes,
    struct buf *signature, struct err *err)
{
	return ask(c, COSIGN_DRAFT, role, bytes, signature, err);
}

int
cosigner_attest(struct cosigner *c, const struct buf *statement,
    struct buf *envelope, struct err *err)
{
	return ask(
	    c, COSIGN_STATEMENT, "a statement", statement, envelope, err);
}

void
cosigner_stop(struct cosigner *c)
{
	struct spawn_end end;
	struct err ignore = ERR_INIT;

	if (c->sock == -1)
		return;
	own_close(&c->sock);
	c->sock = -1;
	if (spawn_wait(&c->child, PATIENCE_MS, &end, &ignore) == -1)
		spawn_kill(&c->child);
}
