#include "tuf-repo/request.h"

#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tuf_check.h"
#include "lib/tuf_read.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/words.h"

#define KIND "kiln/request"
#define WHAT "request"

const char *const part_roles[PART_COUNT] = { "root", "targets", "sets-stable" };

void
request_init(struct request *q)
{
	memset(q, 0, sizeof(*q));
	for (int i = 0; i < PART_COUNT; i++)
		buf_init(&q->bytes[i]);
}

void
request_release(struct request *q)
{
	for (int i = 0; i < PART_COUNT; i++) {
		tuf_file_free(q->now[i]);
		tuf_file_free(q->next[i]);
		buf_release(&q->bytes[i]);
	}
	json_decref(q->json);
	request_init(q);
}

static enum tuf_type
part_type(int i)
{
	return i == PART_ROOT ? TUF_ROOT : TUF_TARGETS;
}

static const struct tuf_file *
newest(const struct request *q, enum part p)
{
	return q->next[p] ? q->next[p] : q->now[p];
}

/* Who says who signs it; a root has two such. */
static const struct tuf_file *
delegator(const struct request *q, enum part p)
{
	return newest(q, p == PART_STABLE ? PART_TARGETS : PART_ROOT);
}

/* --- reading ----------------------------------------------------------- */

static int
read_current(struct request *q, int i, struct err *err)
{
	json_t *o;
	const char *text;

	if (js_object(WHAT, q->json, "current", &o, err) == -1 ||
	    js_str(WHAT, o, part_roles[i], &text, err) == -1)
		return -1;
	q->now[i] =
	    tuf_read(part_type(i), part_roles[i], text, strlen(text), err);
	if (!q->now[i])
		return -1;
	return tuf_threshold(
	    q->now[i == PART_STABLE ? PART_TARGETS : PART_ROOT], part_roles[i],
	    q->now[i], err);
}

static int
part_of(const char *role)
{
	for (int i = 0; i < PART_COUNT; i++)
		if (strcmp(part_roles[i], role) == 0)
			return i;
	return -1;
}

static int
read_draft(struct request *q, const json_t *o, struct err *err)
{
	static const char *const keys[] = { "role", "signed", NULL };
	auto_buf struct buf whole = BUF_INIT, again = BUF_INIT;
	const char *role, *text;
	int i;

	if (js_only(WHAT, o, keys, err) == -1 ||
	    js_str(WHAT, o, "role", &role, err) == -1 ||
	    js_str(WHAT, o, "signed", &text, err) == -1)
		return -1;
	i = part_of(role);
	if (i == -1 || q->next[i])
		return err_set(err, ERR_INPUT,
		    WHAT ": a draft of %s, or two of one role", role);
	if (meta_file(text, strlen(text), NULL, 0, &whole, err) == -1 ||
	    !(q->next[i] =
		    tuf_read(part_type(i), role, whole.data, whole.len, err)) ||
	    canon_json(q->next[i]->signed_json, &again, err) == -1)
		return -1;
	buf_str(&q->bytes[i], text);
	if (!span_equal(span_buf(&again), span_buf(&q->bytes[i])))
		return err_set(err, ERR_TRUST,
		    WHAT ": the bytes of %s are not canonical", role);
	if (q->next[i]->version != q->now[i]->version + 1)
		return err_set(err, ERR_TRUST,
		    WHAT ": %s: version %lld after %lld", role,
		    (long long)q->next[i]->version,
		    (long long)q->now[i]->version);
	return 0;
}

static int
get_signature(
    const json_t *o, enum part *p, struct meta_signature *s, struct err *err)
{
	const char *role, *key, *sig;
	int i;

	if (js_str(WHAT, o, "role", &role, err) == -1 ||
	    js_str(WHAT, o, "key", &key, err) == -1 ||
	    js_str(WHAT, o, "sig", &sig, err) == -1)
		return -1;
	i = part_of(role);
	if (i == -1 ||
	    !hex_decode(s->key.b, sizeof(s->key.b), key, strlen(key)) ||
	    !hex_decode(s->sig.b, sizeof(s->sig.b), sig, strlen(sig)))
		return err_set(
		    err, ERR_INPUT, WHAT ": a signature has another form");
	*p = (enum part)i;
	return 0;
}

static int
check_signatures(struct request *q, struct err *err)
{
	json_t *list;

	if (js_array(WHAT, q->json, "signatures", &list, err) == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct meta_signature s;
		enum part p;

		if (get_signature(json_array_get(list, i), &p, &s, err) == -1)
			return -1;
		if (!q->next[p] || !request_wants(q, p, &s.key) ||
		    !sig_verify(
			&s.key, q->bytes[p].data, q->bytes[p].len, &s.sig))
			return err_set(err, ERR_TRUST,
			    WHAT ": a signature of %s does not match",
			    part_roles[p]);
	}
	return 0;
}

static int
read_parts(struct request *q, struct err *err)
{
	static const char *const keys[] = { "kind", "v", "made_at", "words",
		"current", "drafts", "signatures", NULL };
	json_t *drafts;

	if (js_only(WHAT, q->json, keys, err) == -1 ||
	    js_array(WHAT, q->json, "drafts", &drafts, err) == -1)
		return -1;
	for (int i = 0; i < PART_COUNT; i++)
		if (read_current(q, i, err) == -1)
			return err_prefix(err, WHAT ": current");
	for (size_t i = 0; i < json_array_size(drafts); i++)
		if (read_draft(q, json_array_get(drafts, i), err) == -1)
			return -1;
	if (json_array_size(drafts) == 0)
		return err_set(
		    err, ERR_INPUT, WHAT ": there is nothing to sign in it");
	return check_signatures(q, err);
}

int
request_read(struct request *q, const void *p, size_t n, struct err *err)
{
	struct request t;

	request_init(&t);
	t.json = js_record(WHAT, KIND, 1, p, n, err);
	if (!t.json || read_parts(&t, err) == -1) {
		request_release(&t);
		return -1;
	}
	request_release(q);
	*q = t;
	return 0;
}

/* --- making ------------------------------------------------------------ */

static json_t *
lines(const struct buf *text)
{
	json_t *list = json_array();
	struct span rest = span_buf(text), line;

	while (span_next(&rest, '\n', &line))
		if (line.n)
			json_array_append_new(
			    list, json_stringn(line.p, line.n));
	return list;
}

int
request_make(struct request *q, const struct buf current[PART_COUNT],
    json_t *const parts[PART_COUNT], int64_t now, struct err *err)
{
	auto_json json_t *o = js_record_new(KIND, 1);
	json_t *cur = json_object(), *drafts = json_array();
	auto_buf struct buf text = BUF_INIT, words = BUF_INIT;

	js_set(o, "current", cur);
	js_set(o, "drafts", drafts);
	js_set(o, "words", json_array());
	js_set(o, "signatures", json_array());
	meta_set_time(o, "made_at", now);
	for (int i = 0; i < PART_COUNT; i++) {
		auto_buf struct buf bytes = BUF_INIT;
		json_t *d;

		js_set_str(cur, part_roles[i], current[i].data);
		if (!parts[i])
			continue;
		if (canon_json(parts[i], &bytes, err) == -1)
			return -1;
		d = json_object();
		json_array_append_new(drafts, d);
		js_set_str(d, "role", part_roles[i]);
		js_set_str(d, "signed", bytes.data);
	}
	js_text(o, true, &text);
	if (request_read(q, text.data, text.len, err) == -1)
		return -1;
	request_words(q, &words);
	js_set(q->json, "words", lines(&words));
	return 0;
}

void
request_text(const struct request *q, struct buf *out)
{
	js_text(q->json, true, out);
	buf_char(out, '\n');
}

void
request_words(const struct request *q, struct buf *out)
{
	for (int i = 0; i < PART_COUNT; i++)
		if (q->next[i])
			words_difference(
			    part_roles[i], q->now[i], q->next[i], out);
}

/* --- signatures -------------------------------------------------------- */

static const char *
keyid_of(
    const struct tuf_file *f, const char *role, const struct sig_public *pub)
{
	const struct tuf_role *d = tuf_role_find(f, role);

	for (size_t i = 0; d && i < d->nkeyids; i++) {
		const struct tuf_key *k = tuf_key_find(f, d->keyids[i]);

		if (k && k->usable &&
		    memcmp(k->pub.b, pub->b, sizeof(pub->b)) == 0)
			return d->keyids[i];
	}
	return NULL;
}

bool
request_wants(
    const struct request *q, enum part p, const struct sig_public *pub)
{
	if (!q->next[p])
		return false;
	/* Targets: until the next root is seen they are judged by this one. */
	return keyid_of(delegator(q, p), part_roles[p], pub) ||
	       ((p == PART_ROOT || p == PART_TARGETS) &&
		   keyid_of(q->now[PART_ROOT], part_roles[p], pub));
}

static bool
has_signature(const struct request *q, enum part p, const char *key)
{
	const json_t *list = json_object_get(q->json, "signatures");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		const char *r = json_string_value(json_object_get(o, "role"));
		const char *k = json_string_value(json_object_get(o, "key"));

		if (r && k && strcmp(r, part_roles[p]) == 0 &&
		    strcmp(k, key) == 0)
			return true;
	}
	return false;
}

int
request_add(struct request *q, enum part p, const struct sig_public *pub,
    const struct sig *sig, struct err *err)
{
	char key[KEY_HEX], hex[SIG_HEX];
	json_t *o;

	if (!request_wants(q, p, pub) ||
	    !sig_verify(pub, q->bytes[p].data, q->bytes[p].len, sig))
		return err_set(err, ERR_TRUST,
		    "%s: the signature is not by a key that may sign it",
		    part_roles[p]);
	hex_encode(key, pub->b, sizeof(pub->b));
	if (has_signature(q, p, key))
		return 0;
	hex_encode(hex, sig->b, sizeof(sig->b));
	o = json_object();
	js_set_str(o, "role", part_roles[p]);
	js_set_str(o, "key", key);
	js_set_str(o, "sig", hex);
	json_array_append_new(json_object_get(q->json, "signatures"), o);
	return 0;
}

int
request_merge(struct request *q, const struct request *other, struct err *err)
{
	const json_t *list = json_object_get(other->json, "signatures");

	for (int i = 0; i < PART_COUNT; i++)
		if (!span_equal(
			span_buf(&q->bytes[i]), span_buf(&other->bytes[i])))
			return err_set(err, ERR_INPUT,
			    "the files are of different requests: %s differs",
			    part_roles[i]);
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct meta_signature s;
		enum part p;

		if (get_signature(json_array_get(list, i), &p, &s, err) == -1 ||
		    request_add(q, p, &s.key, &s.sig, err) == -1)
			return -1;
	}
	return 0;
}

static bool
still(const struct request *q, enum part p, const struct tuf_file *by,
    const char *of, struct buf *out)
{
	const struct tuf_role *d = tuf_role_find(by, part_roles[p]);
	int64_t have = 0;

	for (size_t i = 0; d && i < d->nkeyids; i++) {
		const struct tuf_key *k = tuf_key_find(by, d->keyids[i]);
		char hex[KEY_HEX];

		if (!k || !k->usable)
			continue;
		hex_encode(hex, k->pub.b, sizeof(k->pub.b));
		have += has_signature(q, p, hex);
	}
	if (d && have >= d->threshold)
		return false;
	buf_printf(out, "%s: %lld of %lld signatures%s\n", part_roles[p],
	    (long long)have, d ? (long long)d->threshold : 1, of);
	return true;
}

bool
request_missing(const struct request *q, struct buf *out)
{
	bool missing = false;

	for (int i = 0; i < PART_COUNT; i++) {
		if (!q->next[i])
			continue;
		if (i == PART_ROOT)
			missing |= still(q, (enum part)i, q->now[i],
			    " by the root before it", out);
		missing |= still(q, (enum part)i, delegator(q, (enum part)i),
		    i == PART_ROOT ? " by its own keys" : "", out);
	}
	return missing;
}

int
request_file(
    const struct request *q, enum part p, struct buf *out, struct err *err)
{
	const json_t *list = json_object_get(q->json, "signatures");
	auto_free struct meta_signature *sigs =
	    mem_zero(json_array_size(list) + 1, sizeof(*sigs));
	auto_tuf struct tuf_file *f = NULL;
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		enum part of;

		if (get_signature(
			json_array_get(list, i), &of, &sigs[n], err) == -1)
			return -1;
		n += of == p;
	}
	if (meta_file(q->bytes[p].data, q->bytes[p].len, sigs, n, out, err) ==
		-1 ||
	    !(f = tuf_read(
		  part_type(p), part_roles[p], out->data, out->len, err)) ||
	    (p == PART_ROOT &&
		tuf_threshold(q->now[p], part_roles[p], f, err) == -1))
		return -1;
	return tuf_threshold(delegator(q, p), part_roles[p], f, err);
}
