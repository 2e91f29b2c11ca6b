#include "web/tls.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define CHAIN_MAX 16
#define PEM_MAX 65536
#define KEY_ID 64
/* Longer than any handshake lasts: those that began use the old pair. */
#define OLD_MS (180 * 1000)

struct pair {
	gnutls_pcert_st chain[CHAIN_MAX];
	unsigned n;
	gnutls_privkey_t key;
	int64_t replaced_ms;
	struct pair *next;
};

/* What a file was when it was read. */
struct look {
	struct timespec changed;
	ino_t inode;
	off_t size;
};

static struct {
	const char *certificate, *key;
	struct look seen[2];
	struct pair *now, *old;
} tls;

static void
pair_free(struct pair *p)
{
	if (p == NULL)
		return;
	for (unsigned i = 0; i < p->n; i++)
		gnutls_pcert_deinit(&p->chain[i]);
	if (p->key)
		gnutls_privkey_deinit(p->key);
	free(p);
}

/* --- reading ---------------------------------------------------------------*/

static int
gnutls_says(struct err *err, const char *path, int code)
{
	return err_set(err, ERR_INPUT, "%s: %s", path, gnutls_strerror(code));
}

static int
read_chain(struct pair *p, const char *path, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	unsigned n = CHAIN_MAX;
	gnutls_datum_t d;
	int rc;

	if (file_read(path, PEM_MAX, &text, err) == -1)
		return -1;
	d = (gnutls_datum_t){ (unsigned char *)text.data, (unsigned)text.len };
	rc = gnutls_pcert_list_import_x509_raw(
	    p->chain, &n, &d, GNUTLS_X509_FMT_PEM, 0);
	if (rc < 0)
		return gnutls_says(err, path, rc);
	p->n = n;
	return n ? 0
		 : err_set(err, ERR_INPUT, "%s: no certificate in it", path);
}

static int
read_key(struct pair *p, const char *path, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	gnutls_datum_t d;
	int rc;

	if (file_read(path, PEM_MAX, &text, err) == -1)
		return -1;
	d = (gnutls_datum_t){ (unsigned char *)text.data, (unsigned)text.len };
	rc = gnutls_privkey_init(&p->key);
	if (rc == 0)
		rc = gnutls_privkey_import_x509_raw(
		    p->key, &d, GNUTLS_X509_FMT_PEM, NULL, 0);
	sodium_memzero(text.data, text.len);
	return rc < 0 ? gnutls_says(err, path, rc) : 0;
}

static bool
belong_together(const struct pair *p)
{
	unsigned char a[KEY_ID], b[KEY_ID];
	size_t na = sizeof(a), nb = sizeof(b);
	gnutls_pubkey_t pub;
	bool same;

	if (gnutls_pubkey_init(&pub) < 0)
		return false;
	same = gnutls_pubkey_import_privkey(pub, p->key, 0, 0) == 0 &&
	       gnutls_pubkey_get_key_id(pub, GNUTLS_KEYID_USE_SHA256, a, &na) ==
		   0 &&
	       gnutls_pubkey_get_key_id(
		   p->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, b, &nb) == 0 &&
	       na == nb && memcmp(a, b, na) == 0;
	gnutls_pubkey_deinit(pub);
	return same;
}

static struct pair *
read_pair(struct err *err)
{
	struct pair *p = mem_zero(1, sizeof(*p));

	if (read_chain(p, tls.certificate, err) == 0 &&
	    read_key(p, tls.key, err) == 0) {
		if (belong_together(p))
			return p;
		err_set(err, ERR_INPUT,
		    "%s is not the key of the first certificate in %s", tls.key,
		    tls.certificate);
	}
	pair_free(p);
	return NULL;
}

/* --- life
 * -------------------------------------------------------------------*/

static int
look_at(struct look v[2], struct err *err)
{
	const char *const paths[] = { tls.certificate, tls.key };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct stat st;

		if (stat(paths[i], &st) == -1)
			return err_sys(err, "%s", paths[i]);
		v[i] = (struct look){ st.st_ctim, st.st_ino, st.st_size };
	}
	return 0;
}

static bool
same(const struct look *a, const struct look *b)
{
	return a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

static void
forget_old(int64_t before)
{
	struct pair **at = &tls.old;

	while (*at) {
		struct pair *p = *at;

		if (p->replaced_ms > before) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		pair_free(p);
	}
}

static int
take(const struct look seen[2], struct err *err)
{
	struct pair *p = read_pair(err);

	/* Told once, not at each look, until they change again. */
	memcpy(tls.seen, seen, sizeof(tls.seen));
	if (p == NULL)
		return -1;
	forget_old(time_mono_ms() - OLD_MS);
	if (tls.now) {
		tls.now->replaced_ms = time_mono_ms();
		tls.now->next = tls.old;
		tls.old = tls.now;
	}
	tls.now = p;
	return 0;
}

int
tls_load(const char *certificate, const char *key, struct err *err)
{
	struct look seen[2];

	tls.certificate = certificate;
	tls.key = key;
	/* Looked at before they are read: a change in between is seen. */
	return look_at(seen, err) == -1 ? -1 : take(seen, err);
}

int
tls_again(bool now, struct err *err)
{
	struct look seen[2];

	if (tls.now == NULL)
		return 0;
	if (look_at(seen, err) == -1)
		return -1;
	if (!now && same(&seen[0], &tls.seen[0]) &&
	    same(&seen[1], &tls.seen[1]))
		return 0;
	return take(seen, err) == -1 ? -1 : 1;
}

void
tls_release(void)
{
	forget_old(INT64_MAX);
	pair_free(tls.now);
	tls.now = NULL;
}

int
tls_pair(gnutls_session_t session, const gnutls_datum_t *cas, int ncas,
    const gnutls_pk_algorithm_t *algorithms, int nalgorithms,
    gnutls_pcert_st **chain, unsigned *n, gnutls_privkey_t *key)
{
	(void)session;
	(void)cas;
	(void)ncas;
	(void)algorithms;
	(void)nalgorithms;
	if (tls.now == NULL)
		return -1;
	*chain = tls.now->chain;
	*n = tls.now->n;
	*key = tls.now->key;
	return 0;
}
