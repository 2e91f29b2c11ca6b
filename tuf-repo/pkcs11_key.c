/* A key on a token: finding, making, using. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "lib/attr.h"
#include "tuf-repo/pkcs11_state.h"

#define ID_MAX 64
#define LABEL_MAX 64

/* id-Ed25519 (RFC 8410), and the name that older software takes. */
static CK_BYTE oid[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 };
static CK_BYTE curve_name[] = { 0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's',
	'2', '5', '5', '1', '9' };

/* --- objects ----------------------------------------------------------- */

static int
find(struct p11 *p, CK_ATTRIBUTE *want, CK_ULONG nwant, CK_OBJECT_HANDLE *out,
    CK_ULONG *n, struct err *err)
{
	CK_OBJECT_HANDLE got[2];
	CK_RV rv = p->m->C_FindObjectsInit(p->session, want, nwant);

	*n = 0;
	if (rv == CKR_OK) {
		rv = p->m->C_FindObjects(p->session, got, 2, n);
		p->m->C_FindObjectsFinal(p->session);
	}
	if (rv != CKR_OK)
		return p11_failed(err, p, "look for the key", rv);
	if (*n)
		*out = got[0];
	return 0;
}

/* Whatever of label and id the URI says. */
static CK_ULONG
named(struct p11 *p, CK_OBJECT_CLASS *class, CK_ATTRIBUTE want[3])
{
	const CK_ATTRIBUTE *a;
	CK_ULONG n = 0;

	want[n++] = (CK_ATTRIBUTE){ CKA_CLASS, class, sizeof(*class) };
	if ((a = p11_kit_uri_get_attribute(p->uri, CKA_LABEL)))
		want[n++] = *a;
	if ((a = p11_kit_uri_get_attribute(p->uri, CKA_ID)))
		want[n++] = *a;
	return n;
}

static int
private_key(struct p11 *p, CK_OBJECT_HANDLE *key, struct err *err)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE want[3];
	CK_ULONG n, nwant = named(p, &class, want);
	CK_KEY_TYPE type = 0;
	CK_ATTRIBUTE get = { CKA_KEY_TYPE, &type, sizeof(type) };
	CK_RV rv;

	if (find(p, want, nwant, key, &n, err) == -1)
		return -1;
	if (n == 0)
		return err_set(err, ERR_MISSING,
		    "token %s has no such private key", p->label);
	if (n > 1)
		return err_set(err, ERR_INPUT,
		    "token %s: several private keys fit the pkcs11: URI: name"
		    " one by object= or id=",
		    p->label);
	rv = p->m->C_GetAttributeValue(p->session, *key, &get, 1);
	if (rv != CKR_OK)
		return p11_failed(err, p, "read the key's type", rv);
	if (type != CKK_EC_EDWARDS)
		return err_set(err, ERR_INPUT,
		    "token %s: the key is not an Ed25519 key", p->label);
	return 0;
}

/* Label and id, to find the other half by, and to name it. */
struct names {
	CK_BYTE label[LABEL_MAX], id[ID_MAX];
	CK_ULONG nlabel, nid;
};

static int
read_names(
    struct p11 *p, CK_OBJECT_HANDLE key, struct names *s, struct err *err)
{
	CK_ATTRIBUTE get[] = { { CKA_LABEL, s->label, sizeof(s->label) },
		{ CKA_ID, s->id, sizeof(s->id) } };
	CK_RV rv = p->m->C_GetAttributeValue(p->session, key, get, 2);

	if (rv != CKR_OK)
		return p11_failed(err, p, "read the key's names", rv);
	s->nlabel = get[0].ulValueLen;
	s->nid = get[1].ulValueLen;
	if (s->nid == 0 && s->nlabel == 0)
		return err_set(err, ERR_INPUT,
		    "token %s: the key has neither label nor id", p->label);
	return 0;
}

/* An OCTET STRING, as PKCS#11 3.0 has it; a BIT STRING, as others; or bare. */
static bool
read_point(const CK_BYTE *b, CK_ULONG n, struct sig_public *pub)
{
	const CK_ULONG key = sizeof(pub->b);

	if (n == key + 2 && b[0] == 0x04 && b[1] == key)
		b += 2;
	else if (n == key + 3 && b[0] == 0x03 && b[1] == key + 1 && b[2] == 0)
		b += 3;
	else if (n != key)
		return false;
	memcpy(pub->b, b, key);
	return true;
}

static int
public_half(
    struct p11 *p, struct names *s, struct sig_public *pub, struct err *err)
{
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_ATTRIBUTE want[3] = { { CKA_CLASS, &class, sizeof(class) } };
	CK_BYTE point[80];
	CK_ATTRIBUTE get = { CKA_EC_POINT, point, sizeof(point) };
	CK_OBJECT_HANDLE half;
	CK_ULONG n, nwant = 1;
	CK_RV rv;

	if (s->nid)
		want[nwant++] = (CK_ATTRIBUTE){ CKA_ID, s->id, s->nid };
	else
		want[nwant++] =
		    (CK_ATTRIBUTE){ CKA_LABEL, s->label, s->nlabel };
	if (find(p, want, nwant, &half, &n, err) == -1)
		return -1;
	if (n != 1)
		return err_set(err, ERR_MISSING,
		    "token %s: %lu public keys go with the private one, not 1",
		    p->label, n);
	rv = p->m->C_GetAttributeValue(p->session, half, &get, 1);
	if (rv != CKR_OK)
		return p11_failed(err, p, "read the public key", rv);
	if (!read_point(point, get.ulValueLen, pub))
		return err_set(err, ERR_INPUT,
		    "token %s: the key is not an Ed25519 key", p->label);
	return 0;
}

/* This token and this key, and nothing else. */
static int
make_uri(struct p11 *p, struct names *s, char out[KEY_URI_MAX], struct err *err)
{
	const char *path = p11_kit_uri_get_module_path(p->uri);
	const char *module = p11_kit_uri_get_module_name(p->uri);
	const char *source = p11_kit_uri_get_pin_source(p->uri);
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE a = { CKA_CLASS, &class, sizeof(class) };
	P11KitUri *uri = p11_kit_uri_new();
	CK_TOKEN_INFO *info = p11_kit_uri_get_token_info(uri);
	char *text = NULL;
	int rc;

	memcpy(info->label, p->info.label, sizeof(info->label));
	memcpy(info->serialNumber, p->info.serialNumber,
	    sizeof(info->serialNumber));
	p11_kit_uri_set_attribute(uri, &a);
	if (s->nlabel) {
		a = (CK_ATTRIBUTE){ CKA_LABEL, s->label, s->nlabel };
		p11_kit_uri_set_attribute(uri, &a);
	}
	if (s->nid) {
		a = (CK_ATTRIBUTE){ CKA_ID, s->id, s->nid };
		p11_kit_uri_set_attribute(uri, &a);
	}
	if (path)
		p11_kit_uri_set_module_path(uri, path);
	if (module)
		p11_kit_uri_set_module_name(uri, module);
	if (source)
		p11_kit_uri_set_pin_source(uri, source);
	rc = p11_kit_uri_format(uri, P11_URI, &text);
	p11_kit_uri_free(uri);
	if (rc != P11_KIT_URI_OK || strlen(text) >= KEY_URI_MAX) {
		free(text);
		return err_set(
		    err, ERR_INPUT, "token %s: its URI is too long", p->label);
	}
	memcpy(out, text, strlen(text) + 1);
	free(text);
	return 0;
}

/* --- using ------------------------------------------------------------- */

/* Some cards want to be asked before each signature; then their own pad or
 * the PIN again, which the first login has shown to be right. */
static int
sign_with(struct p11 *p, CK_OBJECT_HANDLE key, const void *bytes, size_t n,
    struct sig *sig, struct err *err)
{
	CK_MECHANISM how = { CKM_EDDSA, NULL, 0 };
	CK_ULONG got = sizeof(sig->b);
	CK_RV rv = p->m->C_SignInit(p->session, &how, key);

	if (rv == CKR_KEY_TYPE_INCONSISTENT || rv == CKR_MECHANISM_INVALID ||
	    rv == CKR_KEY_FUNCTION_NOT_PERMITTED)
		return err_set(err, ERR_INPUT,
		    "token %s: the key may not sign with Ed25519: %s", p->label,
		    p11_kit_strerror(rv));
	if (rv == CKR_OK)
		rv =
		    p->m->C_Sign(p->session, (CK_BYTE *)bytes, n, sig->b, &got);
	if (rv != CKR_OK)
		return p11_failed(err, p, "sign", rv);
	if (got != sizeof(sig->b))
		return err_set(err, ERR_TRUST,
		    "token %s: its signature has another length", p->label);
	return 0;
}

int
p11_sign(struct p11 *p, const void *bytes, size_t n, struct sig_public *pub,
    struct sig *sig, struct err *err)
{
	CK_OBJECT_HANDLE key;
	struct names names;

	if (private_key(p, &key, err) == -1 ||
	    read_names(p, key, &names, err) == -1 ||
	    public_half(p, &names, pub, err) == -1)
		return -1;
	return sign_with(p, key, bytes, n, sig, err);
}

/* A public half alone is anybody's word: it is shown once the private one has
 * signed something that verifies under it. */
int
p11_show(struct p11 *p, struct sig_public *pub, char uri[KEY_URI_MAX],
    struct err *err)
{
	CK_OBJECT_HANDLE key;
	struct names names;
	uint8_t nonce[32];
	struct sig sig;

	randombytes_buf(nonce, sizeof(nonce));
	if (private_key(p, &key, err) == -1 ||
	    read_names(p, key, &names, err) == -1 ||
	    public_half(p, &names, pub, err) == -1 ||
	    sign_with(p, key, nonce, sizeof(nonce), &sig, err) == -1)
		return -1;
	if (!sig_public_ok(pub) || !sig_verify(pub, nonce, sizeof(nonce), &sig))
		return err_set(err, ERR_TRUST,
		    "token %s: its two halves of the key do not fit", p->label);
	return make_uri(p, &names, uri, err);
}

static CK_RV
generate(struct p11 *p, const struct names *s, CK_BYTE *params, CK_ULONG n)
{
	CK_MECHANISM how = { CKM_EC_EDWARDS_KEY_PAIR_GEN, NULL, 0 };
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE pub[] = { { CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_VERIFY, &yes, sizeof(yes) }, { CKA_EC_PARAMS, params, n },
		{ CKA_LABEL, (void *)s->label, s->nlabel },
		{ CKA_ID, (void *)s->id, s->nid } };
	CK_ATTRIBUTE priv[] = { { CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_PRIVATE, &yes, sizeof(yes) },
		{ CKA_SENSITIVE, &yes, sizeof(yes) },
		{ CKA_EXTRACTABLE, &no, sizeof(no) },
		{ CKA_SIGN, &yes, sizeof(yes) },
		{ CKA_LABEL, (void *)s->label, s->nlabel },
		{ CKA_ID, (void *)s->id, s->nid } };
	CK_OBJECT_HANDLE a, b;

	return p->m->C_GenerateKeyPair(p->session, &how, pub, ARRAY_LEN(pub),
	    priv, ARRAY_LEN(priv), &a, &b);
}

/* Sets what the URI leaves open, so that it names the new key afterwards. */
static int
choose_names(struct p11 *p, const char *label, struct names *s, struct err *err)
{
	const CK_ATTRIBUTE *l = p11_kit_uri_get_attribute(p->uri, CKA_LABEL);
	const CK_ATTRIBUTE *i = p11_kit_uri_get_attribute(p->uri, CKA_ID);
	CK_ATTRIBUTE own = { CKA_LABEL, (void *)label, strlen(label) };
	CK_ATTRIBUTE id = { CKA_ID, s->id, 8 };

	if (!l) {
		p11_kit_uri_set_attribute(p->uri, &own);
		l = &own;
	}
	if (l->ulValueLen > sizeof(s->label) ||
	    (i && i->ulValueLen > sizeof(s->id)))
		return err_set(
		    err, ERR_INPUT, "the name of the key is too long");
	memcpy(s->label, l->pValue, l->ulValueLen);
	s->nlabel = l->ulValueLen;
	if (!i) {
		randombytes_buf(s->id, id.ulValueLen);
		s->nid = id.ulValueLen;
		return 0;
	}
	memcpy(s->id, i->pValue, i->ulValueLen);
	s->nid = i->ulValueLen;
	return 0;
}

int
p11_make(struct p11 *p, const char *label, struct sig_public *pub,
    char uri[KEY_URI_MAX], struct err *err)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE want[3];
	CK_OBJECT_HANDLE key;
	struct names names;
	CK_ULONG n;
	CK_RV rv;

	if (p11_mechanism(p, CKM_EC_EDWARDS_KEY_PAIR_GEN, err) == -1 ||
	    choose_names(p, label, &names, err) == -1 ||
	    find(p, want, named(p, &class, want), &key, &n, err) == -1)
		return -1;
	if (n > 0)
		return err_set(err, ERR_INPUT,
		    "token %s has a key of that name: import it, or name"
		    " another",
		    p->label);
	rv = generate(p, &names, oid, sizeof(oid));
	if (rv == CKR_CURVE_NOT_SUPPORTED || rv == CKR_DOMAIN_PARAMS_INVALID ||
	    rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_GENERAL_ERROR)
		rv = generate(p, &names, curve_name, sizeof(curve_name));
	if (rv != CKR_OK)
		return p11_failed(err, p, "make a key", rv);
	return p11_show(p, pub, uri, err);
}
