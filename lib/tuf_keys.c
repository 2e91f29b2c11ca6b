/*
 * Counting signatures (TUF 5, "threshold"): a *public key* counts once, under
 * however many keyids it is listed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf_check.h"

static const struct tuf_signature *
signature_of(const struct tuf_file *f, const char *keyid)
{
	for (size_t i = 0; i < f->nsignatures; i++)
		if (strcmp(f->signatures[i].keyid, keyid) == 0)
			return &f->signatures[i];
	return NULL;
}

/* Is it a good signature?  *id stands for the public key. */
static bool
good(const struct tuf_key *key, const struct tuf_signature *sig,
    const struct buf *bytes, tuf_verify_fn *verify, struct hash *id)
{
	if (key->usable) {
		hash_bytes(id, key->pub.b, sizeof(key->pub.b));
		return sig->usable && sig_verify(&key->pub, bytes->data,
					  bytes->len, &sig->sig);
	}
	/* An Ed25519 key that is not usable is a bad one, not a foreign one. */
	if (!verify || !key->public || !sig->raw ||
	    strcmp(key->keytype, "ed25519") == 0)
		return false;
	return verify(key, sig, bytes->data, bytes->len, id);
}

size_t
tuf_keys_signed_by(const struct tuf_file *delegator, const char *role,
    const struct tuf_file *file, tuf_verify_fn *verify)
{
	const struct tuf_role *r = tuf_role_find(delegator, role);
	auto_buf struct buf bytes = BUF_INIT;
	auto_free struct hash *seen = NULL;
	struct err why = ERR_INIT;
	size_t n = 0;

	/* Bytes that have no canonical form can carry no signature. */
	if (!r || canon_foreign(file->signed_json, &bytes, &why) == -1)
		return 0;
	seen = mem_zero(r->nkeyids ? r->nkeyids : 1, sizeof(*seen));
	for (size_t i = 0; i < r->nkeyids; i++) {
		const struct tuf_key *key =
		    tuf_key_find(delegator, r->keyids[i]);
		const struct tuf_signature *sig =
		    signature_of(file, r->keyids[i]);
		struct hash id;
		size_t k = 0;

		if (!key || !sig || !good(key, sig, &bytes, verify, &id))
			continue;
		while (k < n && !hash_equal(&seen[k], &id))
			k++;
		if (k == n)
			seen[n++] = id;
	}
	return n;
}

size_t
tuf_keys_signed(const struct tuf_file *delegator, const char *role,
    const struct tuf_file *file)
{
	return tuf_keys_signed_by(delegator, role, file, NULL);
}

/* tuf_read has refused repeated keyids; a file made in memory may have them. */
static int
no_repeats(const char *role, const struct tuf_file *f, struct err *err)
{
	auto_json json_t *seen = json_object();

	for (size_t i = 0; i < f->nsignatures; i++) {
		const char *keyid = f->signatures[i].keyid;

		if (json_object_get(seen, keyid))
			return err_set(err, ERR_TRUST,
			    "%s.json: two signatures with keyid %.16s"
			    " (threshold)",
			    role, keyid);
		if (json_object_set_new(seen, keyid, json_true()) == -1)
			mem_none();
	}
	return 0;
}

int
tuf_threshold_by(const struct tuf_file *delegator, const char *role,
    const struct tuf_file *file, tuf_verify_fn *verify, struct err *err)
{
	const struct tuf_role *r = tuf_role_find(delegator, role);
	size_t n;

	if (!r)
		return err_set(err, ERR_TRUST,
		    "%s.json: nobody delegates this role", role);
	if (no_repeats(role, file, err) == -1)
		return -1;
	n = tuf_keys_signed_by(delegator, role, file, verify);
	if (r->threshold < 1 || n < (uint64_t)r->threshold)
		return err_set(err, ERR_TRUST,
		    "%s.json: %zu of %" PRId64
		    " signatures valid, by distinct keys (threshold)",
		    role, n, r->threshold);
	return 0;
}

int
tuf_threshold(const struct tuf_file *delegator, const char *role,
    const struct tuf_file *file, struct err *err)
{
	return tuf_threshold_by(delegator, role, file, NULL, err);
}
