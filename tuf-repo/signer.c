#include "tuf-repo/signer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "lib/drop.h"
#include "lib/dsse.h"
#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/landlock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/sealed.h"
#include "lib/sig.h"
#include "tuf-repo/journal.h"
#include "tuf-repo/keyfile.h"
#include "tuf-repo/keyring.h"
#include "tuf-repo/signer_proto.h"

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
	int64_t now;
};

/* --- what may be signed ------------------------------------------------ */

static int
check_dates(const struct signer *s, const char *role, int64_t expires,
    int64_t signed_at, struct err *err)
{
	const struct rule *r = rule_of(role);

	if (signed_at > s->now + SIGNER_AHEAD)
		return err_set(err, ERR_TRUST,
		    "%s: its signing time lies ahead of the signer's clock",
		    role);
	if (expires > s->now + SIGNER_AHEAD + r->lifetime + DAY)
		return err_set(err, ERR_TRUST,
		    "%s: it would live longer than %lld days", role,
		    (long long)(r->lifetime / DAY));
	return 0;
}

/* Names from which JSON is written without escaping anything. */
static bool
plain_path(const char *s)
{
	return strlen(s) < SIGNER_NAME_MAX && path_ok(s);
}

static void
put_meta(struct buf *out, const char *name, int64_t version, int64_t length,
    const struct hash *h)
{
	char hex[HASH_HEX];

	hash_hex(h, hex);
	buf_printf(out,
	    "\"%s\":{\"hashes\":{\"sha256\":\"%s\"},\"length\":%lld", name, hex,
	    (long long)length);
	if (version)
		buf_printf(out, ",\"version\":%lld", (long long)version);
	buf_char(out, '}');
}

static int
get_head(struct signer *s, struct ipc_msg *m, const char *role, bool dated,
    int64_t *version, char expires[TIME_TEXT], char signed_at[TIME_TEXT],
    struct err *err)
{
	int64_t until, at = 0;

	if (ipc_get_i64(m, version, err) == -1 ||
	    ipc_get_i64(m, &until, err) == -1 ||
	    (dated && ipc_get_i64(m, &at, err) == -1))
		return -1;
	if (*version < 1 || *version >= INT64_C(1) << 53 || until < 1 || at < 0)
		return err_set(
		    err, ERR_INPUT, "%s: a number is out of range", role);
	if (check_dates(s, role, until, at, err) == -1)
		return -1;
	time_text(until, expires);
	time_text(at, signed_at);
	return 0;
}

static int
get_entry(struct ipc_msg *m, bool versioned, char **last, struct buf *out,
    struct err *err)
{
	auto_free char *name = NULL;
	int64_t version = 0, length;
	struct hash h;

	if (ipc_get_str(m, SIGNER_NAME_MAX, &name, err) == -1 ||
	    (versioned && ipc_get_i64(m, &version, err) == -1) ||
	    ipc_get_i64(m, &length, err) == -1 ||
	    ipc_get_hash(m, &h, err) == -1)
		return -1;
	if (!plain_path(name) || length < 0 || length >= INT64_C(1) << 53 ||
	    (versioned && (version < 1 || version >= INT64_C(1) << 53)))
		return err_set(err, ERR_INPUT, "an entry is out of range");
	if (*last && strcmp(*last, name) >= 0)
		return err_set(err, ERR_INPUT, "entries are not sorted");
	if (*last)
		buf_char(out, ',');
	put_meta(out, name, version, length, &h);
	free(*last);
	*last = take_ptr(&name);
	return 0;
}

static int
get_entries(struct ipc_msg *m, bool versioned, struct buf *out, struct err *err)
{
	auto_free char *last = NULL;
	uint32_t n;

	if (ipc_get_u32(m, &n, err) == -1)
		return -1;
	if (n > SIGNER_ENTRIES_MAX)
		return err_set(
		    err, ERR_INPUT, "more than %d entries", SIGNER_ENTRIES_MAX);
	for (uint32_t i = 0; i < n; i++)
		if (get_entry(m, versioned, &last, out, err) == -1)
			return -1;
	return 0;
}

/* --- the five questions ------------------------------------------------ */

static int
make_timestamp(struct signer *s, struct ipc_msg *m, int64_t *version,
    struct buf *out, struct err *err)
{
	char expires[TIME_TEXT], at[TIME_TEXT];
	int64_t snapshot, length;
	struct hash h;

	if (get_head(s, m, "timestamp", true, version, expires, at, err) ==
		-1 ||
	    ipc_get_i64(m, &snapshot, err) == -1 ||
	    ipc_get_i64(m, &length, err) == -1 ||
	    ipc_get_hash(m, &h, err) == -1)
		return -1;
	if (snapshot < 1 || snapshot >= INT64_C(1) << 53 || length < 1 ||
	    length >= INT64_C(1) << 53)
		return err_set(
		    err, ERR_INPUT, "timestamp: a number is out of range");
	buf_printf(out,
	    "{\"_type\":\"timestamp\",\"expires\":\"%s\",\"meta\":{", expires);
	put_meta(out, "snapshot.json", snapshot, length, &h);
	buf_printf(out,
	    "},\"signed_at\":\"%s\",\"spec_version\":\"" TUF_SPEC
	    "\",\"version\":%lld}",
	    at, (long long)*version);
	return 0;
}

static int
make_snapshot(struct signer *s, struct ipc_msg *m, int64_t *version,
    struct buf *out, struct err *err)
{
	char expires[TIME_TEXT], at[TIME_TEXT];

	if (get_head(s, m, "snapshot", true, version, expires, at, err) == -1)
		return -1;
	buf_printf(out, "{\"_type\":\"snapshot\",\"expires\":\"%s\",\"meta\":{",
	    expires);
	if (get_entries(m, true, out, err) == -1)
		return -1;
	buf_printf(out,
	    "},\"signed_at\":\"%s\",\"spec_version\":\"" TUF_SPEC
	    "\",\"version\":%lld}",
	    at, (long long)*version);
	return 0;
}

static int
make_brake(struct signer *s, struct ipc_msg *m, int64_t *version,
    struct buf *out, struct err *err)
{
	char expires[TIME_TEXT], unused[TIME_TEXT];

	if (get_head(s, m, "brake", false, version, expires, unused, err) == -1)
		return -1;
	buf_printf(out,
	    "{\"_type\":\"targets\",\"expires\":\"%s\",\"spec_version\":"
	    "\"" TUF_SPEC "\",\"targets\":{",
	    expires);
	if (get_entries(m, false, out, err) == -1)
		return -1;
	buf_printf(out, "},\"version\":%lld}", (long long)*version);
	return 0;
}

static bool
stands_at(const struct buf *b, size_t at, const char *text)
{
	size_t n = strlen(text);

	return at <= b->len && b->len - at >= n &&
	       memcmp(b->data + at, text, n) == 0;
}

/* The 20 characters between two texts; false: they are not there. */
static bool
between(const struct buf *b, const char *before, size_t at, const char *after,
    size_t end, char text[TIME_TEXT])
{
	size_t date = at + strlen(before);

	if (!stands_at(b, at, before) || !stands_at(b, end, after) ||
	    b->len - date < TIME_TEXT - 1)
		return false;
	memcpy(text, b->data + date, TIME_TEXT - 1);
	text[TIME_TEXT - 1] = '\0';
	return true;
}

/*
 * Canonical bytes of a targets file made by others.  Their members are sorted,
 * so those that count stand at the ends, and comparing the ends is enough to
 * know type, expiry and version of what is signed, as far as it parses at
 * all: `_type` and `expires` first and `version` last; of transport, when it
 * delegates to its bins and lists nothing itself, `_type` first and everything
 * from `expires` on last.
 */
#define PLAIN_HEAD "{\"_type\":\"targets\",\"expires\":\""
#define BINS_HEAD "{\"_type\":\"targets\",\"delegations\":{\"keys\":{"
#define BINS_END "]},\"expires\":\""
#define BINS_TAIL                                                           \
	"\",\"spec_version\":\"" TUF_SPEC "\",\"targets\":{},\"version\":%" \
	"lld}"

static bool
find_expiry(const char *role, int64_t version, const struct buf *given,
    char text[TIME_TEXT])
{
	char tail[128];
	size_t end, n;

	snprintf(tail, sizeof(tail), ",\"version\":%lld}", (long long)version);
	n = strlen(tail);
	end = given->len > n ? given->len - n : 0;
	/* Clients differ about a date that goes on: to tuf-js it never ends. */
	if (stands_at(given, 0, PLAIN_HEAD))
		return stands_at(given, strlen(PLAIN_HEAD) + TIME_TEXT - 1,
			   "\",\"") &&
		       between(given, PLAIN_HEAD, 0, tail, end, text);
	if (strcmp(role, "transport") != 0 || !stands_at(given, 0, BINS_HEAD))
		return false;
	snprintf(tail, sizeof(tail), BINS_TAIL, (long long)version);
	n = strlen(tail);
	end = given->len > n ? given->len - n : 0;
	n = strlen(BINS_END) + TIME_TEXT - 1;
	return end > n && between(given, BINS_END, end - n, tail, end, text);
}

static int
check_given(struct signer *s, const char *role, int64_t version,
    const struct buf *given, struct err *err)
{
	char text[TIME_TEXT];
	int64_t expires;

	if (!find_expiry(role, version, given, text))
		return err_set(err, ERR_INPUT,
		    "%s: not the canonical bytes of its version %lld", role,
		    (long long)version);
	if (time_parse(text, &expires, err) == -1)
		return err_prefix(err, "%s", role);
	return check_dates(s, role, expires, 0, err);
}

static int
make_role(struct signer *s, struct ipc_msg *m, char **role, int64_t *version,
    struct buf *out, struct err *err)
{
	const struct rule *r;

	if (ipc_get_str(m, SERVICE_MAX + 8, role, err) == -1 ||
	    ipc_get_i64(m, version, err) == -1 ||
	    sealed_read(m->fds[0], SIGNER_BYTES_MAX, out, err) == -1)
		return -1;
	r = rule_of(*role);
	if (!r || !r->online || r->top || strcmp(*role, "brake") == 0)
		return err_set(err, ERR_TRUST,
		    "no role of which the signer takes given bytes");
	if (*version < 1 || *version >= INT64_C(1) << 53)
		return err_set(
		    err, ERR_INPUT, "%s: version out of range", *role);
	return check_given(s, *role, *version, out, err);
}

#define STATEMENT_HEAD \
	"{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{"
#define STATEMENT_TAIL "}]}"

/* What is said of a run; that it is JSON is for its readers to see. */
static int
make_statement(struct ipc_msg *m, struct buf *out, struct err *err)
{
	auto_buf struct buf given = BUF_INIT;
	int64_t length;
	size_t tail = strlen(STATEMENT_TAIL);

	if (ipc_get_i64(m, &length, err) == -1 ||
	    sealed_read(m->fds[0], SIGNER_STATEMENT_MAX, &given, err) == -1)
		return -1;
	if (length < 0 || (uint64_t)length != given.len)
		return err_set(err, ERR_INPUT, "statement: another length");
	if (!stands_at(&given, 0, STATEMENT_HEAD) || given.len < tail ||
	    !stands_at(&given, given.len - tail, STATEMENT_TAIL))
		return err_set(
		    err, ERR_INPUT, "not the canonical bytes of a statement");
	dsse_pae(DSSE_INTOTO, given.data, given.len, out);
	return 0;
}

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
	auto_buf struct buf bytes = BUF_INIT;
	auto_free char *role = NULL;
	int64_t version;
	int rc;

	s->now = time_now();
	switch (m->type) {
	case SIGN_TIMESTAMP:
		role = mem_str("timestamp");
		rc = make_timestamp(s, m, &version, &bytes, err);
		break;
	case SIGN_SNAPSHOT:
		role = mem_str("snapshot");
		rc = make_snapshot(s, m, &version, &bytes, err);
		break;
	case SIGN_BRAKE:
		role = mem_str("brake");
		rc = make_brake(s, m, &version, &bytes, err);
		break;
	case SIGN_ROLE:
		rc = make_role(s, m, &role, &version, &bytes, err);
		break;
	case SIGN_STATEMENT:
		if (make_statement(m, &bytes, err) == -1 ||
		    ipc_end(m, err) == -1)
			return -1;
		return sign(s, vouching_key(), &bytes, answer, err);
	default:
		return err_set(
		    err, ERR_INPUT, "unknown question %u", (unsigned)m->type);
	}
	if (rc == -1 || ipc_end(m, err) == -1)
		return -1;
	/* A key that cannot sign enters nothing. */
	if (sign(s, rule_of(role)->key, &bytes, answer, err) == -1)
		return -1;
	return enter(s, role, version, &bytes, err);
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
		ipc_add_u32(&answer, (uint32_t)no.cls);
		ipc_add_str(&answer, no.msg);
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
