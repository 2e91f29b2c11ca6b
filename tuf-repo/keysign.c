#include "tuf-repo/keysign.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "lib/mem.h"
#include "lib/own.h"
#include "tuf-repo/token.h"

void
key_access_release(struct key_access *a)
{
	secret_release(&a->have);
	secret_release(&a->have_pin);
}

bool
key_access_option(struct key_access *a, const char *where, int c, int *rc)
{
	*rc = 0;
	if (c == 'p')
		a->pass.file = optarg;
	else if (c == 'P')
		*rc = secret_fd_option(where, &a->pass, optarg);
	else if (c == 'i')
		a->pin.file = optarg;
	else if (c == 'I')
		*rc = secret_fd_option(where, &a->pin, optarg);
	else
		return false;
	return true;
}

static int
sign_with(int dirfd, const char *name, const struct secret *pass,
    const struct buf *bytes, struct sig_public *pub, struct sig *sig,
    struct err *err)
{
	struct sig_seed *seed = key_locked(sizeof(*seed));
	int rc;

	if (!seed)
		return err_set(err, ERR_SYSTEM, "no locked memory for keys");
	rc = key_load(dirfd, name, pass, seed, err);
	if (rc == 0) {
		sig_public_of(seed, pub);
		sig_sign(seed, bytes->data, bytes->len, sig);
	}
	sodium_free(seed); /* wipes */
	return rc;
}

static int
sign_sealed(int dirfd, const char *name, struct key_access *a,
    const struct buf *bytes, struct sig_public *pub, struct sig *sig,
    struct err *err)
{
	auto_free char *prompt = mem_printf("passphrase of key %s", name);
	auto_secret struct secret asked = SECRET_INIT;

	if (secret_process(err) == -1)
		return -1;
	if (!a->have.p && secret_named(&a->pass)) {
		if (secret_get(&a->have, &a->pass, prompt, false, err) == -1)
			return -1;
	} else if (!a->have.p && secret_ask(&asked, prompt, false, err) == -1) {
		return -1;
	}
	return sign_with(
	    dirfd, name, a->have.p ? &a->have : &asked, bytes, pub, sig, err);
}

/* --- tokens ------------------------------------------------------------ */

/* What the command line or a credential gives, is of all tokens; the URI's own
 * pin-source and what was typed, of this one. */
static int
get_pin(struct key_access *a, const struct token *t, struct err *err)
{
	auto_free char *prompt = mem_printf("PIN of token %s", token_label(t));
	struct secret_source src = a->pin;
	bool of_all = secret_named(&a->pin);

	if (!token_needs_pin(t))
		return 0;
	if (a->have_pin.p && (of_all || strcmp(a->pin_of, token_label(t)) == 0))
		return 0;
	if (!of_all)
		src.file = token_pin_source(t);
	snprintf(a->pin_of, sizeof(a->pin_of), "%s", token_label(t));
	if (secret_process(err) == -1)
		return -1;
	return secret_get(&a->have_pin, &src, prompt, false, err);
}

static const struct secret *
pin_for(const struct key_access *a, const struct token *t)
{
	return token_needs_pin(t) ? &a->have_pin : NULL;
}

int
key_token_public(const char *uri, const char *label, struct key_access *a,
    struct sig_public *pub, char found[KEY_URI_MAX], struct err *err)
{
	auto_token struct token *t = token_open(uri, err);

	if (!t || get_pin(a, t, err) == -1)
		return -1;
	return label ? token_make(t, pin_for(a, t), label, pub, found, err)
		     : token_show(t, pin_for(a, t), pub, found, err);
}

int
key_token_sign(const char *uri, struct key_access *a, const struct buf *bytes,
    struct sig_public *pub, struct sig *sig, struct err *err)
{
	auto_token struct token *t = token_open(uri, err);

	if (!t || get_pin(a, t, err) == -1)
		return -1;
	return token_sign(t, pin_for(a, t), bytes, pub, sig, err);
}

/* What lies beside the file says which key it should be. */
static int
sign_on_token(int dirfd, const char *name, struct key_access *a,
    const struct buf *bytes, struct sig_public *pub, struct sig *sig,
    struct err *err)
{
	char uri[KEY_URI_MAX];
	struct sig_public want;

	if (key_token_uri(dirfd, name, uri, err) == -1 ||
	    key_public(dirfd, name, &want, err) == -1)
		return -1;
	if (key_token_sign(uri, a, bytes, pub, sig, err) == -1)
		return err_prefix(err, "key %s", name);
	if (memcmp(pub->b, want.b, sizeof(want.b)) != 0)
		return err_set(err, ERR_TRUST,
		    "key %s: the token has another key than %s.pub", name,
		    name);
	return 0;
}

/* --- any of them -------------------------------------------------------- */

int
key_sign(int dirfd, const char *name, struct key_access *a,
    const struct buf *bytes, struct sig_public *pub, struct sig *sig,
    struct err *err)
{
	enum key_form form;

	if (key_form_of(dirfd, name, &form, err) == -1)
		return -1;
	if (form == KEY_TOKEN && a)
		return sign_on_token(dirfd, name, a, bytes, pub, sig, err);
	if (form == KEY_DEMO || !a)
		return sign_with(dirfd, name, NULL, bytes, pub, sig, err);
	return sign_sealed(dirfd, name, a, bytes, pub, sig, err);
}
