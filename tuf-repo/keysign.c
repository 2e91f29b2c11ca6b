#include "tuf-repo/keysign.h"

#include <getopt.h>
#include <stdlib.h>

#include <sodium.h>

#include "lib/mem.h"
#include "lib/own.h"
#include "tuf-repo/keyfile.h"

void
key_access_release(struct key_access *a)
{
	secret_release(&a->have);
}

bool
key_access_option(struct key_access *a, const char *where, int c, int *rc)
{
	*rc = 0;
	if (c == 'p')
		a->pass.file = optarg;
	else if (c == 'P')
		*rc = secret_fd_option(where, &a->pass, optarg);
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

int
key_sign(int dirfd, const char *name, struct key_access *a,
    const struct buf *bytes, struct sig_public *pub, struct sig *sig,
    struct err *err)
{
	enum key_form form;

	if (key_form_of(dirfd, name, &form, err) == -1)
		return -1;
	if (form == KEY_DEMO || !a)
		return sign_with(dirfd, name, NULL, bytes, pub, sig, err);
	return sign_sealed(dirfd, name, a, bytes, pub, sig, err);
}
