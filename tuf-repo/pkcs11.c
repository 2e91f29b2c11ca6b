#include "tuf-repo/pkcs11.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "tuf-repo/pkcs11_state.h"

#define SLOTS_MAX 64

int
p11_failed(struct err *err, const struct p11 *p, const char *what, CK_RV rv)
{
	return err_set(err, ERR_SYSTEM, "token %s: %s: %s", p->label, what,
	    p11_kit_strerror(rv));
}

/* --- the URI ----------------------------------------------------------- */

static int
read_uri(struct p11 *p, const char *text, struct err *err)
{
	int rc;

	p->uri = p11_kit_uri_new();
	rc = p11_kit_uri_parse(text, P11_URI, p->uri);
	if (rc != P11_KIT_URI_OK)
		return err_set(err, ERR_INPUT, "not a pkcs11: URI: %s",
		    p11_kit_uri_message(rc));
	if (p11_kit_uri_get_pin_value(p->uri))
		return err_set(err, ERR_INPUT,
		    "a PIN does not belong into a URI, which others can see:"
		    " use --pin-file, a credential or the terminal");
	if (p11_kit_uri_any_unrecognized(p->uri))
		return err_set(
		    err, ERR_INPUT, "the pkcs11: URI has an unknown part");
	if (!strstr(text, "token=") && !strstr(text, "serial="))
		return err_set(err, ERR_INPUT,
		    "the pkcs11: URI names no token: say token= or serial=");
	return 0;
}

const char *
p11_pin_source(const struct p11 *p)
{
	const char *s = p11_kit_uri_get_pin_source(p->uri);

	if (!s)
		return "";
	return strncmp(s, "file:", 5) == 0 ? s + 5 : s;
}

/* --- modules and tokens ------------------------------------------------ */

static int
load_modules(struct p11 *p, struct err *err)
{
	const char *path = p11_kit_uri_get_module_path(p->uri);
	CK_RV rv;

	p11_kit_be_quiet();
	if (!path) {
		p->modules = p11_kit_modules_load_and_initialize(0);
		return p->modules ? 0
				  : err_set(err, ERR_SYSTEM, "p11-kit: %s",
					p11_kit_message());
	}
	if (path[0] != '/')
		return err_set(err, ERR_INPUT,
		    "module-path of the pkcs11: URI is not absolute");
	p->single = p11_kit_module_load(path, 0);
	if (!p->single)
		return err_set(err, ERR_MISSING, "%s: %s", path,
		    p11_kit_message() ? p11_kit_message() : "cannot load it");
	rv = p11_kit_module_initialize(p->single);
	if (rv == CKR_OK)
		return 0;
	p11_kit_module_release(p->single);
	p->single = NULL;
	return err_set(err, ERR_SYSTEM, "%s: %s", path, p11_kit_strerror(rv));
}

static bool
module_fits(const struct p11 *p, CK_FUNCTION_LIST *m)
{
	const char *want = p11_kit_uri_get_module_name(p->uri);
	char *name = p11_kit_module_get_name(m);
	bool fits = !want || (name && strcmp(name, want) == 0);
	CK_INFO info;

	free(name);
	return fits && m->C_GetInfo(&info) == CKR_OK &&
	       p11_kit_uri_match_module_info(p->uri, &info);
}

/* Adds to *n how many of its tokens fit. */
static void
look(struct p11 *p, CK_FUNCTION_LIST *m, size_t *n)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG have = SLOTS_MAX;
	CK_TOKEN_INFO info;

	if (!module_fits(p, m) ||
	    m->C_GetSlotList(CK_TRUE, slots, &have) != CKR_OK)
		return;
	for (CK_ULONG i = 0; i < have; i++) {
		if (m->C_GetTokenInfo(slots[i], &info) != CKR_OK ||
		    !p11_kit_uri_match_token_info(p->uri, &info))
			continue;
		++*n;
		p->m = m;
		p->slot = slots[i];
		p->info = info;
	}
}

static int
find_token(struct p11 *p, struct err *err)
{
	size_t n = 0;

	if (p->single)
		look(p, p->single, &n);
	for (size_t i = 0; p->modules && p->modules[i]; i++)
		look(p, p->modules[i], &n);
	if (n == 0)
		return err_set(err, ERR_MISSING,
		    "no token fits the pkcs11: URI: is it plugged in, and is"
		    " its module known to p11-kit?");
	if (n > 1)
		return err_set(err, ERR_INPUT,
		    "%zu tokens fit the pkcs11: URI: name one by serial=", n);
	memcpy(p->label, p->info.label,
	    p11_kit_space_strlen(p->info.label, sizeof(p->info.label)));
	for (char *s = p->label; *s; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
	return 0;
}

int
p11_mechanism(struct p11 *p, CK_MECHANISM_TYPE type, struct err *err)
{
	CK_MECHANISM_INFO info;

	if (p->m->C_GetMechanismInfo(p->slot, type, &info) == CKR_OK)
		return 0;
	return err_set(err, ERR_INPUT, "token %s cannot %s Ed25519 keys (%s)",
	    p->label, type == CKM_EDDSA ? "sign with" : "make",
	    type == CKM_EDDSA ? "CKM_EDDSA" : "CKM_EC_EDWARDS_KEY_PAIR_GEN");
}

struct p11 *
p11_open(const char *uri, struct err *err)
{
	struct p11 *p = mem_zero(1, sizeof(*p));

	if (read_uri(p, uri, err) == 0 && load_modules(p, err) == 0 &&
	    find_token(p, err) == 0 && p11_mechanism(p, CKM_EDDSA, err) == 0)
		return p;
	p11_free(p);
	return NULL;
}

void
p11_free(struct p11 *p)
{
	if (!p)
		return;
	if (p->logged_in)
		p->m->C_Logout(p->session);
	if (p->session)
		p->m->C_CloseSession(p->session);
	if (p->modules)
		p11_kit_modules_finalize_and_release(p->modules);
	if (p->single) {
		p11_kit_module_finalize(p->single);
		p11_kit_module_release(p->single);
	}
	p11_kit_uri_free(p->uri);
	free(p);
}

const char *
p11_label(const struct p11 *p)
{
	return p->label;
}

bool
p11_needs_pin(const struct p11 *p)
{
	return (p->info.flags & CKF_LOGIN_REQUIRED) &&
	       !(p->info.flags & CKF_PROTECTED_AUTHENTICATION_PATH);
}

/* --- the PIN ----------------------------------------------------------- */

static int
refused(struct p11 *p, CK_RV rv, struct err *err)
{
	const char *left = "";

	if (p->m->C_GetTokenInfo(p->slot, &p->info) == CKR_OK) {
		if (p->info.flags & CKF_USER_PIN_LOCKED)
			left = "; it is locked now";
		else if (p->info.flags & CKF_USER_PIN_FINAL_TRY)
			left = "; one more wrong one locks it";
		else if (p->info.flags & CKF_USER_PIN_COUNT_LOW)
			left = "; few tries are left";
	}
	if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID ||
	    rv == CKR_PIN_LEN_RANGE)
		return err_set(err, ERR_TRUST, "token %s: the PIN is wrong%s",
		    p->label, left);
	if (rv == CKR_PIN_LOCKED)
		return err_set(
		    err, ERR_TRUST, "token %s: its PIN is locked", p->label);
	if (rv == CKR_USER_PIN_NOT_INITIALIZED)
		return err_set(err, ERR_INPUT,
		    "token %s has no user PIN yet: set one first", p->label);
	return p11_failed(err, p, "log in", rv);
}

static CK_RV
login(struct p11 *p, CK_USER_TYPE who, const struct secret *pin)
{
	bool none = !pin || !pin->p;

	return p->m->C_Login(p->session, who,
	    none ? NULL : (CK_UTF8CHAR *)pin->p, none ? 0 : pin->n);
}

int
p11_login(struct p11 *p, const struct secret *pin, bool write, struct err *err)
{
	CK_FLAGS flags = CKF_SERIAL_SESSION | (write ? CKF_RW_SESSION : 0);
	CK_RV rv;

	if (p->session)
		return err_set(err, ERR_INPUT, "logged in already");
	if (p11_needs_pin(p) && (!pin || !pin->p))
		return err_set(
		    err, ERR_INPUT, "token %s: there is no PIN", p->label);
	if (p->info.flags & CKF_USER_PIN_LOCKED)
		return refused(p, CKR_PIN_LOCKED, err);
	rv = p->m->C_OpenSession(p->slot, flags, NULL, NULL, &p->session);
	if (rv != CKR_OK) {
		p->session = 0;
		return p11_failed(err, p, "open a session", rv);
	}
	if (!(p->info.flags & CKF_LOGIN_REQUIRED))
		return 0;
	rv = login(p, CKU_USER, pin);
	if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
		return refused(p, rv, err);
	p->logged_in = true;
	return 0;
}
