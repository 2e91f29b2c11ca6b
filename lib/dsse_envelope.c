/* The envelope of dsse.h, apart for those who may not read JSON. */
#include <string.h>

#include <sodium.h>

#include "lib/dsse.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf.h"

static void
add_base64(struct buf *out, const void *bytes, size_t n)
{
	const int variant = sodium_base64_VARIANT_ORIGINAL;
	size_t room = sodium_base64_encoded_len(n, variant);
	auto_free char *text = mem_zero(room, 1);

	sodium_bin2base64(text, room, bytes, n, variant);
	buf_str(out, text);
}

void
dsse_envelope(const char *type, const void *body, size_t n,
    const struct dsse_signature *sigs, size_t nsigs, struct buf *out)
{
	buf_str(out, "{\"payload\":\"");
	add_base64(out, body, n);
	buf_printf(out, "\",\"payloadType\":\"%s\",\"signatures\":[", type);
	for (size_t i = 0; i < nsigs; i++) {
		char keyid[HASH_HEX];

		tuf_keyid(&sigs[i].key, keyid);
		buf_printf(
		    out, "%s{\"keyid\":\"%s\",\"sig\":\"", i ? "," : "", keyid);
		add_base64(out, sigs[i].sig.b, sizeof(sigs[i].sig.b));
		buf_str(out, "\"}");
	}
	buf_str(out, "]}");
}

static int
from_base64(
    const char *what, const char *text, struct buf *out, struct err *err)
{
	size_t n = strlen(text), got;
	auto_free unsigned char *bytes = mem_zero(n + 1, 1);

	if (sodium_base642bin(bytes, n, text, n, NULL, &got, NULL,
		sodium_base64_VARIANT_ORIGINAL) != 0)
		return err_set(err, ERR_INPUT, "%s is not base64", what);
	buf_clear(out);
	buf_add(out, bytes, got);
	return 0;
}

static int
good(const json_t *one, const struct sig_public *key, const struct buf *pae,
    struct sig *which, bool *yes, struct err *err)
{
	auto_buf struct buf bytes = BUF_INIT;
	const char *text;
	struct sig sig;

	if (js_str("signature", one, "sig", &text, err) == -1 ||
	    from_base64("a signature", text, &bytes, err) == -1)
		return -1;
	if (bytes.len != sizeof(sig.b))
		return 0; /* of another kind of key */
	memcpy(sig.b, bytes.data, sizeof(sig.b));
	if (!*yes && sig_verify(key, pae->data, pae->len, &sig)) {
		*which = sig;
		*yes = true;
	}
	return 0;
}

int
dsse_open(const char *type, const struct sig_public *key, const void *text,
    size_t n, struct buf *body, struct err *err)
{
	struct sig which;

	return dsse_open_sig(type, key, text, n, &which, body, err);
}

int
dsse_open_sig(const char *type, const struct sig_public *key, const void *text,
    size_t n, struct sig *which, struct buf *body, struct err *err)
{
	auto_json json_t *j = js_parse("envelope", text, n, err);
	auto_buf struct buf payload = BUF_INIT, pae = BUF_INIT;
	const char *payload64, *its_type;
	bool yes = false;
	json_t *list;

	if (!j || js_str("envelope", j, "payload", &payload64, err) == -1 ||
	    js_str("envelope", j, "payloadType", &its_type, err) == -1 ||
	    js_array("envelope", j, "signatures", &list, err) == -1 ||
	    from_base64("payload", payload64, &payload, err) == -1)
		return -1;
	if (strcmp(its_type, type) != 0)
		return err_set(err, ERR_INPUT, "the payload is no %s", type);
	if (json_array_size(list) > DSSE_SIGNATURES_MAX)
		return err_set(err, ERR_INPUT, "more than %d signatures",
		    DSSE_SIGNATURES_MAX);
	dsse_pae(type, payload.data, payload.len, &pae);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (good(json_array_get(list, i), key, &pae, which, &yes,
			err) == -1)
			return -1;
	if (!yes)
		return err_set(err, ERR_TRUST, "no good signature by that key");
	buf_clear(body);
	buf_add(body, payload.data, payload.len);
	return 0;
}
