#include "tuf-repo/ask.h"

#include <stdio.h>
#include <string.h>

#include "lib/dsse.h"
#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/own.h"
#include "lib/sealed.h"
#include "tuf-repo/signer_proto.h"

#define PATIENCE_MS 30000

_Static_assert(SIGNER_BYTES_MAX == TUF_TARGETS_MAX, "one limit");

int
signer_start(
    int keysfd, int passfd, struct child *child, int *sock, struct err *err)
{
	static const char *const argv[] = { "kiln-tuf", "-x", "signer", NULL };
	struct spawn sp = SPAWN_INIT;
	int sv[2];

	if (ipc_pair(sv, err) == -1)
		return -1;
	sp.argv = argv;
	sp.exec_self = true;
	sp.new_session = true;
	sp.fds[0] = sv[1];
	sp.fds[1] = keysfd;
	sp.fds[2] = passfd;
	sp.nfds = passfd == -1 ? 2 : 3;
	if (spawn_start(&sp, child, err) == -1) {
		close(sv[0]);
		close(sv[1]);
		return err_prefix(err, "start the signer");
	}
	close(sv[1]);
	*sock = sv[0];
	return 0;
}

static int
get_answers(struct ipc_msg *m, struct answers *a, struct err *err)
{
	uint32_t n;

	if (ipc_get_u32(m, &n, err) == -1)
		return -1;
	if (n < 1 || n > SIGNER_KEYS_MAX)
		return err_set(err, ERR_TRUST, "%u signatures", (unsigned)n);
	for (uint32_t i = 0; i < n; i++) {
		struct span key, sig;

		if (ipc_get_bytes(m, sizeof(a->v->key.b), &key, err) == -1 ||
		    ipc_get_bytes(m, sizeof(a->v->sig.b), &sig, err) == -1)
			return -1;
		if (key.n != sizeof(a->v->key.b) ||
		    sig.n != sizeof(a->v->sig.b))
			return err_set(err, ERR_TRUST, "a short field");
		memcpy(a->v[i].key.b, key.p, key.n);
		memcpy(a->v[i].sig.b, sig.p, sig.n);
	}
	a->n = n;
	return ipc_end(m, err);
}

static int
exchange(int sock, uint32_t type, const struct buf *fields, int given,
    struct answers *a, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	int got;

	if (ipc_send(sock, type, fields, &given, given != -1, err) == -1)
		return -1;
	got = ipc_recv(sock, PATIENCE_MS, &m, err);
	if (got == -1)
		return -1;
	if (got == 0)
		return err_set(err, ERR_SYSTEM, "it has ended");
	if (m.type == REFUSED)
		return ipc_get_err(&m, ERR_TRUST, err);
	if (m.type != SIGNED || get_answers(&m, a, err) == -1)
		return err_set(err, ERR_TRUST, "its answer has another form");
	return 0;
}

static int
add_signed_at(struct buf *out, const struct tuf_file *f, struct err *err)
{
	const char *text;
	int64_t at;

	if (js_str("metadata", f->signed_json, "signed_at", &text, err) == -1 ||
	    time_parse(text, &at, err) == -1)
		return -1;
	ipc_add_i64(out, at);
	return 0;
}

/* Entries go sorted; canonical JSON came sorted from our own writer. */
static int
fields_of(const char *role, const struct tuf_file *f, struct buf *out,
    uint32_t *type, struct err *err)
{
	ipc_add_i64(out, f->version);
	ipc_add_i64(out, f->expires);
	if (f->type != TUF_TARGETS && add_signed_at(out, f, err) == -1)
		return -1;
	if (f->type == TUF_TIMESTAMP) {
		*type = SIGN_TIMESTAMP;
		ipc_add_i64(out, f->meta[0].version);
		ipc_add_i64(out, f->meta[0].length);
		ipc_add_hash(out, &f->meta[0].sha256);
	} else if (f->type == TUF_SNAPSHOT) {
		*type = SIGN_SNAPSHOT;
		ipc_add_u32(out, (uint32_t)f->nmeta);
		for (size_t i = 0; i < f->nmeta; i++) {
			ipc_add_str(out, f->meta[i].name);
			ipc_add_i64(out, f->meta[i].version);
			ipc_add_i64(out, f->meta[i].length);
			ipc_add_hash(out, &f->meta[i].sha256);
		}
	} else {
		*type = SIGN_BRAKE;
		ipc_add_u32(out, (uint32_t)f->ntargets);
		for (size_t i = 0; i < f->ntargets; i++) {
			ipc_add_str(out, f->targets[i].path);
			ipc_add_i64(out, f->targets[i].length);
			ipc_add_hash(out, &f->targets[i].sha256);
		}
	}
	(void)role;
	return 0;
}

int
ask_signature(int sock, const char *role, const struct tuf_file *f,
    const struct buf *bytes, struct answers *a, struct err *err)
{
	auto_buf struct buf fields = BUF_INIT;
	auto_fd int given = -1;
	uint32_t type = SIGN_ROLE;

	if (f->type == TUF_TARGETS && strcmp(role, "brake") != 0) {
		ipc_add_str(&fields, role);
		ipc_add_i64(&fields, f->version);
		given = sealed_make(bytes->data, bytes->len, err);
		if (given == -1)
			return -1;
	} else if (fields_of(role, f, &fields, &type, err) == -1) {
		return err_prefix(err, "%s", role);
	}
	if (exchange(sock, type, &fields, given, a, err) == -1)
		return err_prefix(err, "signer");
	return 0;
}

int
ask_statement(
    int sock, const struct buf *statement, struct answers *a, struct err *err)
{
	auto_buf struct buf fields = BUF_INIT, pae = BUF_INIT;
	auto_fd int given = sealed_make(statement->data, statement->len, err);

	if (given == -1)
		return -1;
	ipc_add_i64(&fields, (int64_t)statement->len);
	if (exchange(sock, SIGN_STATEMENT, &fields, given, a, err) == -1)
		return err_prefix(err, "signer");
	dsse_pae(DSSE_INTOTO, statement->data, statement->len, &pae);
	for (size_t i = 0; i < a->n; i++)
		if (!sig_verify(&a->v[i].key, pae.data, pae.len, &a->v[i].sig))
			return err_set(err, ERR_TRUST,
			    "signer: its signature over a statement is not"
			    " good");
	return 0;
}

int
ask_checkpoint(int sock, const struct hash *first_root, struct checkpoint *c,
    struct answers *a, struct err *err)
{
	auto_buf struct buf fields = BUF_INIT, text = BUF_INIT;
	char hex[HASH_HEX];

	ipc_add_hash(&fields, first_root);
	ipc_add_i64(&fields, c->size);
	ipc_add_hash(&fields, &c->root);
	if (exchange(sock, SIGN_CHECKPOINT, &fields, -1, a, err) == -1)
		return err_prefix(err, "signer");
	hash_hex(first_root, hex);
	snprintf(c->origin, sizeof(c->origin), CHECKPOINT_ORIGIN "%s", hex);
	checkpoint_text(c, &text);
	for (size_t i = 0; i < a->n; i++)
		if (!sig_verify(
			&a->v[i].key, text.data, text.len, &a->v[i].sig))
			return err_set(err, ERR_TRUST,
			    "signer: its signature over the log is not good");
	return 0;
}
