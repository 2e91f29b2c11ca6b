#include "web/api/device.h"

#include <string.h>

#include "lib/canon.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/sig.h"

int
device_read(const char *what, const json_t *j, struct device_word *w,
    struct buf *canonical, struct err *err)
{
	const char *const keys[] = { what, "key", "sig", NULL };
	struct sig_public pub;
	struct sig sig;
	struct hash id, claimed;

	if (js_only(what, j, keys, err) == -1 ||
	    js_object(what, j, what, &w->record, err) == -1 ||
	    js_str(what, j, "key", &w->key, err) == -1 ||
	    js_str(what, j, "sig", &w->sig, err) == -1)
		return -1;
	if (!hex_decode(pub.b, sizeof(pub.b), w->key, strlen(w->key)) ||
	    !hex_decode(sig.b, sizeof(sig.b), w->sig, strlen(w->sig)))
		return err_set(
		    err, ERR_INPUT, "key and sig are lower-case hex");
	if (canon_json(w->record, canonical, err) == -1)
		return -1;
	if (!sig_verify(&pub, canonical->data, canonical->len, &sig))
		return err_set(err, ERR_TRUST, "the signature does not fit");
	hash_bytes(&id, pub.b, sizeof(pub.b));
	if (js_hash(what, w->record, "router", &claimed, err) == -1)
		return -1;
	if (!hash_equal(&id, &claimed))
		return err_set(
		    err, ERR_TRUST, "the %s speaks for another router", what);
	hash_hex(&id, w->router);
	return 0;
}
