#include "tuf-repo/keyfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/num.h"
#include "lib/own.h"

#define HEAD KEY_HEAD
#define HEAD_DEMO HEAD "demo\n"
#define SALT crypto_pwhash_argon2id_SALTBYTES
#define NONCE crypto_secretbox_NONCEBYTES
#define BOX (crypto_secretbox_MACBYTES + sizeof(struct sig_seed))
#define HEAD_TOKEN HEAD "token\n"
#define FILE_ROOM (KEY_URI_MAX + 32)

/* RFC 9106, the choice for machines with little memory. */
#define OPS 3
#define MEMORY (64 << 20)
/* What a foreign file may ask of us. */
#define OPS_LIMIT 16
#define MEMORY_LIMIT (1 << 30)

_Static_assert(sizeof(struct sig_seed) == 32, "a seed without a header");

/* A file's bytes, in locked memory. */
struct contents {
	uint8_t b[FILE_ROOM];
	size_t n;
	/* as its header says */
	enum key_form form;
	int64_t ops, memory;
	size_t body;
};

void *
key_locked(size_t n)
{
	return sodium_init() == -1 ? NULL : sodium_malloc(n);
}

int
key_file_name(char out[KEY_NAME_MAX], const char *name, const char *suffix,
    struct err *err)
{
	int n = snprintf(out, KEY_NAME_MAX, "%s.%s", name, suffix);

	if (n < 0 || n >= KEY_NAME_MAX || !name_ok(out))
		return err_set(err, ERR_INPUT,
		    "key name too long or unfit: letters, digits, . _ - only");
	return 0;
}

bool
key_exists(int dirfd, const char *name)
{
	struct err ignore = ERR_INIT;
	char file[KEY_NAME_MAX];

	return key_file_name(file, name, "key", &ignore) == 0 &&
	       file_exists_at(dirfd, file);
}

/* --- reading ----------------------------------------------------------- */

static int
open_key(int dirfd, const char *name, int *out, struct err *err)
{
	char file[KEY_NAME_MAX];
	struct stat st;

	if (key_file_name(file, name, "key", err) == -1)
		return -1;
	auto_fd int fd =
	    file_open_at(dirfd, file, O_RDONLY | O_NOFOLLOW, 0, err);
	if (fd == -1)
		return err_prefix(err, "key %s", name);
	if (fstat(fd, &st) == -1)
		return err_sys(err, "key %s", name);
	if (!S_ISREG(st.st_mode) ||
	    (st.st_uid != geteuid() && geteuid() != 0) ||
	    (st.st_mode & 0377) != 0)
		return err_set(err, ERR_TRUST,
		    "key %s: the file must be mode 0400 and belong to uid %u",
		    name, (unsigned)geteuid());
	*out = take_fd(&fd);
	return 0;
}

static bool
costs(struct contents *k, const char *line, size_t n)
{
	char text[64], *space;
	struct err ignore = ERR_INIT;

	if (n >= sizeof(text))
		return false;
	memcpy(text, line, n);
	text[n] = '\0';
	space = strchr(text, ' ');
	if (!space)
		return false;
	*space++ = '\0';
	return num_int(text, 1, OPS_LIMIT, &k->ops, &ignore) == 0 &&
	       num_int(space, 8192, MEMORY_LIMIT, &k->memory, &ignore) == 0 &&
	       k->memory % 1024 == 0; /* Argon2 would round it down */
}

/* Printable, and one newline at its end. */
static bool
is_line(const uint8_t *b, size_t n)
{
	if (n < 2 || n > KEY_URI_MAX || b[n - 1] != '\n')
		return false;
	for (size_t i = 0; i + 1 < n; i++)
		if (b[i] <= ' ' || b[i] > '~')
			return false;
	return true;
}

static bool
read_header(struct contents *k)
{
	static const char demo[] = HEAD_DEMO, sealed[] = HEAD "argon2id ";
	static const char token[] = HEAD_TOKEN;
	const uint8_t *end = memchr(k->b, '\n', k->n);
	const size_t start = sizeof(sealed) - 1;

	k->form = KEY_DEMO;
	k->body = 0;
	if (k->n == sizeof(struct sig_seed))
		return true;
	k->body = end ? (size_t)(end - k->b) + 1 : k->n;
	if (k->n == sizeof(demo) - 1 + sizeof(struct sig_seed) &&
	    memcmp(k->b, demo, sizeof(demo) - 1) == 0)
		return true;
	if (k->n > sizeof(token) - 1 &&
	    memcmp(k->b, token, sizeof(token) - 1) == 0) {
		k->form = KEY_TOKEN;
		return is_line(k->b + k->body, k->n - k->body);
	}
	k->form = KEY_SEALED;
	return end && k->body > start && memcmp(k->b, sealed, start) == 0 &&
	       k->n == k->body + SALT + NONCE + BOX &&
	       costs(k, (const char *)k->b + start, k->body - 1 - start);
}

/* Straight into the caller's locked memory, past every buffer. */
static int
read_key(int dirfd, const char *name, struct contents *k, struct err *err)
{
	auto_fd int fd = -1;
	ssize_t n;

	if (open_key(dirfd, name, &fd, err) == -1)
		return -1;
	n = read(fd, k->b, sizeof(k->b));
	if (n == -1)
		return err_sys(err, "key %s", name);
	k->n = (size_t)n;
	if (!read_header(k))
		return err_set(err, ERR_TRUST, "key %s: not a key file", name);
	return 0;
}

static int
derive(uint8_t key[crypto_secretbox_KEYBYTES], const struct secret *pass,
    const uint8_t *salt, int64_t ops, int64_t memory, struct err *err)
{
	if (crypto_pwhash_argon2id(key, crypto_secretbox_KEYBYTES, pass->p,
		pass->n, salt, (unsigned long long)ops, (size_t)memory,
		crypto_pwhash_argon2id_ALG_ARGON2ID13) == -1)
		return err_set(err, ERR_SYSTEM,
		    "no memory to open a key with its passphrase");
	return 0;
}

static int
open_box(const char *name, const struct contents *k, const struct secret *pass,
    struct sig_seed *seed, struct err *err)
{
	const uint8_t *salt = k->b + k->body, *nonce = salt + SALT;
	uint8_t *key;
	int rc;

	if (!pass || !pass->p)
		return err_set(err, ERR_INPUT,
		    "key %s: it is encrypted and there is no passphrase", name);
	key = key_locked(crypto_secretbox_KEYBYTES);
	if (!key)
		return err_set(err, ERR_SYSTEM, "no locked memory for keys");
	rc = derive(key, pass, salt, k->ops, k->memory, err);
	if (rc == 0 && crypto_secretbox_open_easy(
			   seed->b, nonce + NONCE, BOX, nonce, key) == -1)
		rc = err_set(err, ERR_TRUST,
		    "key %s: the passphrase does not open it", name);
	sodium_free(key);
	return rc;
}

int
key_load(int dirfd, const char *name, const struct secret *pass,
    struct sig_seed *seed, struct err *err)
{
	struct contents *k = key_locked(sizeof(*k));
	int rc;

	if (!k)
		return err_set(err, ERR_SYSTEM, "no locked memory for keys");
	rc = read_key(dirfd, name, k, err);
	if (rc == 0 && k->form == KEY_TOKEN)
		rc = err_set(err, ERR_INPUT,
		    "key %s: it is on a token, which shows its seed to nobody",
		    name);
	else if (rc == 0 && k->form == KEY_SEALED)
		rc = open_box(name, k, pass, seed, err);
	else if (rc == 0)
		memcpy(seed->b, k->b + k->body, sizeof(seed->b));
	sodium_free(k); /* wipes */
	if (rc == -1)
		sig_wipe(seed);
	return rc;
}

int
key_token_uri(
    int dirfd, const char *name, char uri[KEY_URI_MAX], struct err *err)
{
	struct contents *k = key_locked(sizeof(*k));
	int rc;

	if (!k)
		return err_set(err, ERR_SYSTEM, "no locked memory for keys");
	rc = read_key(dirfd, name, k, err);
	if (rc == 0 && k->form != KEY_TOKEN)
		rc = err_set(err, ERR_INPUT, "key %s is on no token", name);
	if (rc == 0) {
		size_t n = k->n - k->body - 1;

		memcpy(uri, k->b + k->body, n);
		uri[n] = '\0';
	}
	sodium_free(k);
	return rc;
}

int
key_form_of(int dirfd, const char *name, enum key_form *form, struct err *err)
{
	struct contents *k = key_locked(sizeof(*k));
	int rc;

	if (!k)
		return err_set(err, ERR_SYSTEM, "no locked memory for keys");
	rc = read_key(dirfd, name, k, err);
	*form = k->form;
	sodium_free(k);
	return rc;
}

int
key_public(int dirfd, const char *name, struct sig_public *pub, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	char file[KEY_NAME_MAX];

	if (key_file_name(file, name, "pub", err) == -1 ||
	    file_read_at(dirfd, file, KEY_HEX, &text, err) == -1)
		return err_prefix(err, "key %s", name);
	if (text.len != KEY_HEX || text.data[KEY_HEX - 1] != '\n' ||
	    !hex_decode(pub->b, sizeof(pub->b), text.data, KEY_HEX - 1) ||
	    !sig_public_ok(pub))
		return err_set(err, ERR_TRUST, "%s: not a public key", file);
	return 0;
}

/* --- writing ----------------------------------------------------------- */

static int
seal(struct contents *k, const struct sig_seed *seed, const struct secret *pass,
    struct err *err)
{
	int n = snprintf(
	    (char *)k->b, sizeof(k->b), HEAD "argon2id %d %d\n", OPS, MEMORY);
	uint8_t *salt = k->b + n, *nonce = salt + SALT;
	uint8_t *key = key_locked(crypto_secretbox_KEYBYTES);
	int rc;

	if (!key)
		return err_set(err, ERR_SYSTEM, "no locked memory for keys");
	randombytes_buf(salt, SALT + NONCE);
	k->n = (size_t)n + SALT + NONCE + BOX;
	rc = derive(key, pass, salt, OPS, MEMORY, err);
	if (rc == 0)
		crypto_secretbox_easy(
		    nonce + NONCE, seed->b, sizeof(seed->b), nonce, key);
	sodium_free(key);
	return rc;
}

static int
write_once(int dirfd, const char *file, const struct contents *k, uid_t owner,
    gid_t group, struct err *err)
{
	auto_tmp struct tmp tmp = TMP_INIT;

	if (tmp_open(&tmp, dirfd, 0400, err) == -1 ||
	    fd_write_all(tmp.fd, k->b, k->n, err) == -1)
		return -1;
	if (fchmod(tmp.fd, 0400) == -1 ||
	    (owner != (uid_t)-1 && fchown(tmp.fd, owner, group) == -1))
		return err_sys(err, "%s", file);
	return tmp_link(&tmp, file, err);
}

static int
write_public(
    int dirfd, const char *name, const struct sig_public *pub, struct err *err)
{
	char file[KEY_NAME_MAX], hex[KEY_HEX + 1];

	if (key_file_name(file, name, "pub", err) == -1)
		return -1;
	hex_encode(hex, pub->b, sizeof(pub->b));
	hex[KEY_HEX - 1] = '\n';
	return file_write_at(dirfd, file, hex, KEY_HEX, 0444, err);
}

/*
 * A key's public half is written first: whoever finds a seed finds both.  An
 * interrupted start leaves a public half alone, which the next one replaces.
 */
int
key_write(int dirfd, const char *name, const struct sig_seed *seed,
    const struct secret *pass, uid_t owner, gid_t group, struct err *err)
{
	struct contents *k = key_locked(sizeof(*k));
	char file[KEY_NAME_MAX];
	struct sig_public pub;
	int rc = 0;

	if (!k)
		return err_set(err, ERR_SYSTEM, "no locked memory for keys");
	if (key_file_name(file, name, "key", err) == -1)
		rc = -1;
	else if (file_exists_at(dirfd, file))
		rc = err_set(err, ERR_INPUT, "key %s is there already", name);
	else if (pass && pass->p)
		rc = seal(k, seed, pass, err);
	else {
		memcpy(k->b, HEAD_DEMO, sizeof(HEAD_DEMO) - 1);
		memcpy(k->b + sizeof(HEAD_DEMO) - 1, seed->b, sizeof(seed->b));
		k->n = sizeof(HEAD_DEMO) - 1 + sizeof(seed->b);
	}
	sig_public_of(seed, &pub);
	if (rc == 0 && (write_public(dirfd, name, &pub, err) == -1 ||
			   write_once(dirfd, file, k, owner, group, err) == -1))
		rc = err_prefix(err, "make key %s", name);
	sodium_free(k);
	return rc;
}

int
key_token_write(int dirfd, const char *name, const char *uri,
    const struct sig_public *pub, struct err *err)
{
	struct contents *k = key_locked(sizeof(*k));
	char file[KEY_NAME_MAX];
	int rc = 0;

	if (!k)
		return err_set(err, ERR_SYSTEM, "no locked memory for keys");
	k->n = (size_t)snprintf(
	    (char *)k->b, sizeof(k->b), HEAD_TOKEN "%s\n", uri);
	if (key_file_name(file, name, "key", err) == -1)
		rc = -1;
	else if (k->n >= sizeof(k->b) || !read_header(k))
		rc = err_set(err, ERR_INPUT, "the pkcs11: URI is too long");
	else if (file_exists_at(dirfd, file))
		rc = err_set(err, ERR_INPUT, "key %s is there already", name);
	else if (write_public(dirfd, name, pub, err) == -1 ||
		 write_once(dirfd, file, k, (uid_t)-1, (gid_t)-1, err) == -1)
		rc = err_prefix(err, "make key %s", name);
	sodium_free(k);
	return rc;
}

int
key_make(int dirfd, const char *name, const struct secret *pass, uid_t owner,
    gid_t group, struct sig_public *pub, struct err *err)
{
	struct sig_seed *seed;
	int rc;

	if (key_exists(dirfd, name))
		return key_public(dirfd, name, pub, err);
	seed = key_locked(sizeof(*seed));
	if (!seed)
		return err_set(err, ERR_SYSTEM, "no locked memory for keys");
	sig_keypair(seed, pub);
	rc = key_write(dirfd, name, seed, pass, owner, group, err);
	sodium_free(seed);
	return rc;
}
