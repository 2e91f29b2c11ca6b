#include "tuf-repo/signer_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/checkpoint.h"
#include "lib/dsse.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/sealed.h"
#include "lib/tlog.h"
#include "tuf-repo/journal.h"
#include "tuf-repo/keyfile.h"
#include "tuf-repo/signer_proto.h"

/* --- what may be signed ------------------------------------------------ */

static int
check_dates(int64_t now, const char *role, int64_t expires, int64_t signed_at,
    struct err *err)
{
	const struct rule *r = rule_of(role);

	if (signed_at > now + SIGNER_AHEAD)
		return err_set(err, ERR_TRUST,
		    "%s: its signing time lies ahead of the signer's clock",
		    role);
	if (expires > now + SIGNER_AHEAD + r->lifetime + DAY)
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
get_head(int64_t now, struct ipc_msg *m, const char *role, bool dated,
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
	if (check_dates(now, role, until, at, err) == -1)
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

/* --- the questions ------------------------------------------------ */

static int
make_timestamp(int64_t now, struct ipc_msg *m, int64_t *version,
    struct buf *out, struct err *err)
{
	char expires[TIME_TEXT], at[TIME_TEXT];
	int64_t snapshot, length;
	struct hash h;

	if (get_head(now, m, "timestamp", true, version, expires, at, err) ==
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
make_snapshot(int64_t now, struct ipc_msg *m, int64_t *version, struct buf *out,
    struct err *err)
{
	char expires[TIME_TEXT], at[TIME_TEXT];

	if (get_head(now, m, "snapshot", true, version, expires, at, err) == -1)
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
make_brake(int64_t now, struct ipc_msg *m, int64_t *version, struct buf *out,
    struct err *err)
{
	char expires[TIME_TEXT], unused[TIME_TEXT];

	if (get_head(now, m, "brake", false, version, expires, unused, err) ==
	    -1)
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
check_given(int64_t now, const char *role, int64_t version,
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
	return check_dates(now, role, expires, 0, err);
}

static int
make_role(int64_t now, struct ipc_msg *m, char **role, int64_t *version,
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
	return check_given(now, *role, *version, out, err);
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

/* The log's name and its numbers are all of it: no JSON, and nothing that a
 * role's bytes or a statement could be. */
static int
make_checkpoint(
    struct ipc_msg *m, int64_t *size, struct buf *out, struct err *err)
{
	struct checkpoint c;
	char hex[HASH_HEX];
	struct hash first;

	if (ipc_get_hash(m, &first, err) == -1 ||
	    ipc_get_i64(m, &c.size, err) == -1 ||
	    ipc_get_hash(m, &c.root, err) == -1)
		return -1;
	if (c.size < 1 || c.size > TLOG_SIZE_MAX)
		return err_set(err, ERR_INPUT, "log: a number is out of range");
	hash_hex(&first, hex);
	snprintf(c.origin, sizeof(c.origin), CHECKPOINT_ORIGIN "%s", hex);
	checkpoint_text(&c, out);
	*size = c.size;
	return 0;
}

/* --- one of them ------------------------------------------------------- */

void
signer_text_release(struct signer_text *t)
{
	free(t->entry);
	buf_release(&t->bytes);
}

static int
of_role(struct signer_text *t, int rc, const char *role)
{
	if (rc == 0 && role)
		t->entry = mem_str(role);
	if (rc == 0)
		t->key = rule_of(t->entry)->key;
	return rc;
}

static int
make(struct ipc_msg *m, int64_t now, struct signer_text *t, struct err *err)
{
	struct buf *out = &t->bytes;

	switch (m->type) {
	case SIGN_TIMESTAMP:
		return of_role(t, make_timestamp(now, m, &t->version, out, err),
		    "timestamp");
	case SIGN_SNAPSHOT:
		return of_role(t, make_snapshot(now, m, &t->version, out, err),
		    "snapshot");
	case SIGN_BRAKE:
		return of_role(
		    t, make_brake(now, m, &t->version, out, err), "brake");
	case SIGN_ROLE:
		return of_role(t,
		    make_role(now, m, &t->entry, &t->version, out, err), NULL);
	case SIGN_STATEMENT:
		t->key = vouching_key();
		return make_statement(m, out, err);
	case SIGN_CHECKPOINT:
		t->key = vouching_key();
		t->entry = mem_str(JOURNAL_LOG);
		return make_checkpoint(m, &t->version, out, err);
	default:
		return err_set(
		    err, ERR_INPUT, "unknown question %u", (unsigned)m->type);
	}
}

int
signer_text(
    struct ipc_msg *m, int64_t now, struct signer_text *t, struct err *err)
{
	if (make(m, now, t, err) == -1)
		return -1;
	return ipc_end(m, err);
}
