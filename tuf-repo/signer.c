#include "tuf-repo/signer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/landlock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/sig.h"
#include "tuf-repo/journal.h"
#include "tuf-repo/keyfile.h"
#include "tuf-repo/keyring.h"
#include "tuf-repo/signer_proto.h"
#include "tuf-repo/signer_text.h"

#define SEEDS_MAX 128

/* A key that was loaded: its name, and its place among the seeds. */
struct loaded {
	char name[KEY_NAME_MAX];
};

struct signer {
	int sock, dirfd;
	const struct secret *pass;
	struct journal *journal; /* NULL until the first question */
	struct sig_seed *seeds;	 /* locked pages, wiped at the end */
	struct loaded loaded[SEEDS_MAX];
	size_t nloaded;
};

/* --- keys, signing, answers -------------------------------------------- */

static int
load_key(struct signer *s, const char *name, size_t *at, struct err *err)
{
	for (*at = 0; *at < s->nloaded; ++*at)
		if (strcmp(s->loaded[*at].name, name) == 0)
			return 0;
	if (s->nloaded == SEEDS_MAX)
		return err_set(err, ERR_INPUT, "more than %d keys", SEEDS_MAX);
	if (key_load(s->dirfd, name, s->pass, &s->seeds[*at], err) == -1)
		return -1;
	memcpy(s->loaded[*at].name, name, strlen(name) + 1);
	s->nloaded++;
	return 0;
}

/*
 * While a key is rotated both generations sign: which signature counts is for
 * root and targets to say, and for those who verify.  A removed file is a
 * removed key, though its seed stays in memory until we end.
 */
static int
load_keys(struct signer *s, const char *key, size_t at[SIGNER_KEYS_MAX],
    size_t *n, struct err *err)
{
	auto_key_names struct key_names names = KEY_NAMES_INIT;

	*n = 0;
	if (key_names_read(s->dirfd, &names, err) == -1)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		if (!key_is_generation(names.v[i], key))
			continue;
		if (*n == SIGNER_KEYS_MAX)
			return err_set(err, ERR_INPUT,
			    "%s has more than %d keys", key, SIGNER_KEYS_MAX);
		if (load_key(s, names.v[i], &at[*n], err) == -1)
			return -1;
		++*n;
	}
	if (*n == 0)
		return err_set(
		    err, ERR_MISSING, "key %s: it is not in keys/online", key);
	return 0;
}

/* All at the start: a key that cannot be read, or is sealed without its
 * passphrase, is found before the night its role expires. */
static int
load_all(struct signer *s, struct err *err)
{
	auto_key_names struct key_names names = KEY_NAMES_INIT;
	size_t at;

	if (key_names_read(s->dirfd, &names, err) == -1)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		if (load_key(s, names.v[i], &at, err) == -1)
			return -1;
	return 0;
}

static int
sign(struct signer *s, const char *key, const struct buf *bytes,
    struct buf *answer, struct err *err)
{
	size_t at[SIGNER_KEYS_MAX], n;

	if (load_keys(s, key, at, &n, err) == -1)
		return -1;
	ipc_add_u32(answer, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		const struct sig_seed *seed = &s->seeds[at[i]];
		struct sig_public pub;
		struct sig sig;

		sig_public_of(seed, &pub);
		sig_sign(seed, bytes->data, bytes->len, &sig);
		ipc_add_bytes(answer, pub.b, sizeof(pub.b));
		ipc_add_bytes(answer, sig.b, sizeof(sig.b));
	}
	return 0;
}

static int
enter(struct signer *s, const char *role, int64_t version,
    const struct buf *bytes, struct err *err)
{
	struct hash content;

	if (!s->journal && !(s->journal = journal_open(s->dirfd, 5000, err)))
		return -1;
	hash_bytes(&content, bytes->data, bytes->len);
	return journal_enter(s->journal, role, version, &content, err);
}

static int
answer_one(
    struct signer *s, struct ipc_msg *m, struct buf *answer, struct err *err)
{
	auto_signer_text struct signer_text t = SIGNER_TEXT_INIT;

	/* A key that cannot sign enters nothing. */
	if (signer_text(m, time_now(), &t, err) == -1 ||
	    sign(s, t.key, &t.bytes, answer, err) == -1)
		return -1;
	return t.entry ? enter(s, t.entry, t.version, &t.bytes, err) : 0;
}

static int
serve(struct signer *s, struct err *err)
{
	for (;;) {
		auto_ipc struct ipc_msg m = IPC_MSG_INIT;
		auto_buf struct buf answer = BUF_INIT;
		struct err no = ERR_INIT;
		int got = ipc_recv(s->sock, -1, &m, err);

		if (got <= 0)
			return got;
		if (answer_one(s, &m, &answer, &no) == 0) {
			if (ipc_send(s->sock, SIGNED, &answer, NULL, 0, err) ==
			    -1)
				return -1;
			continue;
		}
		buf_clear(&answer);
		ipc_add_err(&answer, &no);
		if (ipc_send(s->sock, REFUSED, &answer, NULL, 0, err) == -1)
			return -1;
	}
}

int
signer_serve(int sock, int keysfd)
{
	return signer_serve_with(sock, keysfd, NULL);
}

int
signer_serve_with(int sock, int keysfd, const struct secret *pass)
{
	struct signer s = { .sock = sock, .dirfd = keysfd, .pass = pass };
	struct err err = ERR_INIT;
	int rc;

	/* Guarded, locked pages that no core dump holds; freeing wipes them. */
	if (sodium_init() == -1 ||
	    !(s.seeds = sodium_allocarray(SEEDS_MAX, sizeof(*s.seeds)))) {
		err_set(&err, ERR_SYSTEM, "no locked memory for keys");
		rc = -1;
	} else {
		rc = load_all(&s, &err);
		if (rc == 0)
			rc = serve(&s, &err);
		sodium_free(s.seeds);
	}
	journal_free(s.journal);
	close(keysfd);
	close(sock);
	if (rc == -1)
		log_err("signer-ended", &err);
	return rc == -1 ? err_exit(&err) : EXIT_DONE;
}

/* A passphrase comes by a descriptor that ends with it. */
static int
take_pass(struct secret *pass, struct err *err)
{
	if (fcntl(SIGNER_PASS, F_GETFD) == -1)
		return 0;
	if (secret_read(pass, SIGNER_PASS, err) == -1)
		return -1;
	close(SIGNER_PASS);
	return 0;
}

/* Its keys and its journal, and no other file. */
static int
reach_only_keys(struct err *err)
{
	const int keys = SIGNER_KEYS;
	int rc = landlock_only(&keys, 1, err);

	if (rc == 0)
		log_info("no-landlock",
		    "text=\"this kernel cannot keep the signer from other"
		    " files; its uid does\"");
	return rc == -1 ? -1 : 0;
}

int
signer_main(void)
{
	struct secret pass = SECRET_INIT;
	struct err err = ERR_INIT;
	int rc;

	log_open("kiln-tuf-signer", false);
	if (secret_process(&err) == -1)
		goto fail;
	if (fcntl(SIGNER_SOCKET, F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(SIGNER_KEYS, F_SETFD, FD_CLOEXEC) == -1) {
		err_set(
		    &err, ERR_INPUT, "only kiln-tuf itself starts its signer");
		goto fail;
	}
	if (drop_to(ROLE_SIGNER, &err) == -1 || reach_only_keys(&err) == -1 ||
	    drop_syscalls(true, true, &err) == -1 ||
	    take_pass(&pass, &err) == -1)
		goto fail;
	rc = signer_serve_with(SIGNER_SOCKET, SIGNER_KEYS, &pass);
	secret_release(&pass);
	return rc;
fail:
	log_err("signer-start", &err);
	return err_exit(&err);
}
