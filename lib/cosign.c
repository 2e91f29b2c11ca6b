#include "lib/cosign.h"

#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/own.h"

#define KIND "kiln/signature"

int
cosign_read(struct cosign *c, const void *p, size_t n, struct err *err)
{
	static const char *const keys[] = { "kind", "v", "role", "version",
		"signed", "key", "sig", NULL };
	auto_json json_t *j = NULL;
	const char *role, *key, *sig;

	if (n > COSIGN_MAX)
		return err_set(err, ERR_INPUT, "signature: more than %d bytes",
		    COSIGN_MAX);
	if (!(j = js_record("signature", KIND, 1, p, n, err)) ||
	    js_only("signature", j, keys, err) == -1 ||
	    js_str("signature", j, "role", &role, err) == -1 ||
	    js_int("signature", j, "version", 1, JS_INT_MAX, &c->version,
		err) == -1 ||
	    js_hash("signature", j, "signed", &c->content, err) == -1 ||
	    js_str("signature", j, "key", &key, err) == -1 ||
	    js_str("signature", j, "sig", &sig, err) == -1)
		return -1;
	if (!name_ok(role) || strlen(role) >= sizeof(c->role))
		return err_set(err, ERR_INPUT, "signature: role is no name");
	memcpy(c->role, role, strlen(role) + 1);
	if (!hex_decode(c->key.b, sizeof(c->key.b), key, strlen(key)) ||
	    !hex_decode(c->sig.b, sizeof(c->sig.b), sig, strlen(sig)))
		return err_set(err, ERR_INPUT,
		    "signature: key and sig are lower-case hex");
	if (!sig_public_ok(&c->key))
		return err_set(
		    err, ERR_INPUT, "signature: the key is no good key");
	return 0;
}

void
cosign_write(const struct cosign *c, struct buf *out)
{
	auto_json json_t *j = js_record_new(KIND, 1);
	char key[KEY_HEX], sig[SIG_HEX];
	struct err err = ERR_INIT;

	hex_encode(key, c->key.b, sizeof(c->key.b));
	hex_encode(sig, c->sig.b, sizeof(c->sig.b));
	js_set_str(j, "role", c->role);
	js_set_int(j, "version", c->version);
	js_set_hash(j, "signed", &c->content);
	js_set_str(j, "key", key);
	js_set_str(j, "sig", sig);
	if (canon_json(j, out, &err) == -1)
		abort(); /* all of it is plain */
}
