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

size_t
tuf_keys_signed(const struct tuf_file *delegator, const char *role,
    const struct tuf_file *file)
{
	const struct tuf_role *r = tuf_role_find(delegator, role);
	auto_buf struct buf bytes = BUF_INIT;
	auto_free const struct sig_public **seen = NULL;
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
		size_t k = 0;

		if (!key || !key->usable || !sig || !sig->usable ||
		    !sig_verify(&key->pub, bytes.data, bytes.len, &sig->sig))
			continue;
		while (
		    k < n && memcmp(seen[k], &key->pub, sizeof(key->pub)) != 0)
			k++;
		if (k == n)
			seen[n++] = &key->pub;
	}
	return n;
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
tuf_threshold(const struct tuf_file *delegator, const char *role,
    const struct tuf_file *file, struct err *err)
{
	const struct tuf_role *r = tuf_role_find(delegator, role);
	size_t n;

	if (!r)
		return err_set(err, ERR_TRUST,
		    "%s.json: nobody delegates this role", role);
	if (no_repeats(role, file, err) == -1)
		return -1;
	n = tuf_keys_signed(delegator, role, file);
	if (r->threshold < 1 || n < (uint64_t)r->threshold)
		return err_set(err, ERR_TRUST,
		    "%s.json: %zu of %" PRId64
		    " signatures valid, by distinct keys (threshold)",
		    role, n, r->threshold);
	return 0;
}
