#include "tuf-repo/keys.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/own.h"

#define NAME_ROOM 64

static int
file_name(
    char out[NAME_ROOM], const char *name, const char *suffix, struct err *err)
{
	int n = snprintf(out, NAME_ROOM, "%s.%s", name, suffix);

	if (n < 0 || n >= NAME_ROOM || !name_ok(out))
		return err_set(err, ERR_INPUT, "key name too long or unfit");
	return 0;
}

int
key_load(int dirfd, const char *name, struct sig_seed *seed, struct err *err)
{
	char file[NAME_ROOM];
	uint8_t more;
	struct stat st;

	if (file_name(file, name, "key", err) == -1)
		return -1;
	auto_fd int fd =
	    file_open_at(dirfd, file, O_RDONLY | O_NOFOLLOW, 0, err);
	if (fd == -1)
		return err_prefix(err, "key %s", name);
	if (fstat(fd, &st) == -1)
		return err_sys(err, "key %s", name);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 0377) != 0)
		return err_set(err, ERR_TRUST,
		    "key %s: the file must be mode 0400 and belong to uid %u",
		    name, (unsigned)geteuid());
	/* Straight into the caller's locked memory, past every buffer. */
	if (read(fd, seed->b, sizeof(seed->b)) != (ssize_t)sizeof(seed->b) ||
	    read(fd, &more, 1) != 0) {
		sig_wipe(seed);
		return err_set(err, ERR_TRUST, "key %s: not 32 bytes", name);
	}
	return 0;
}

static int
write_once(int dirfd, const char *file, const void *bytes, size_t n,
    mode_t mode, uid_t owner, gid_t group, struct err *err)
{
	auto_tmp struct tmp tmp = TMP_INIT;

	if (tmp_open(&tmp, dirfd, mode, err) == -1 ||
	    fd_write_all(tmp.fd, bytes, n, err) == -1)
		return -1;
	if (fchmod(tmp.fd, mode) == -1 ||
	    (owner != (uid_t)-1 && fchown(tmp.fd, owner, group) == -1))
		return err_sys(err, "%s", file);
	return tmp_link(&tmp, file, err);
}

static int
write_public(
    int dirfd, const char *name, const struct sig_public *pub, struct err *err)
{
	char file[NAME_ROOM], hex[KEY_HEX + 1];

	if (file_name(file, name, "pub", err) == -1)
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
key_make(int dirfd, const char *name, uid_t owner, gid_t group,
    struct sig_public *pub, struct err *err)
{
	char file[NAME_ROOM];
	struct sig_seed seed;
	int rc = -1;

	if (file_name(file, name, "key", err) == -1)
		return -1;
	if (file_exists_at(dirfd, file))
		return key_public(dirfd, name, pub, err);
	sig_keypair(&seed, pub);
	if (write_public(dirfd, name, pub, err) == 0)
		rc = write_once(dirfd, file, seed.b, sizeof(seed.b), 0400,
		    owner, group, err);
	sig_wipe(&seed);
	return rc == -1 ? err_prefix(err, "make key %s", name) : 0;
}

int
key_public(int dirfd, const char *name, struct sig_public *pub, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	char file[NAME_ROOM];

	if (file_name(file, name, "pub", err) == -1 ||
	    file_read_at(dirfd, file, KEY_HEX, &text, err) == -1)
		return err_prefix(err, "key %s", name);
	if (text.len != KEY_HEX || text.data[KEY_HEX - 1] != '\n' ||
	    !hex_decode(pub->b, sizeof(pub->b), text.data, KEY_HEX - 1) ||
	    !sig_public_ok(pub))
		return err_set(err, ERR_TRUST, "%s: not a public key", file);
	return 0;
}

int
key_sign(int dirfd, const char *name, const struct buf *bytes,
    struct sig_public *pub, struct sig *sig, struct err *err)
{
	struct sig_seed seed;
	int rc = -1;

	if (sodium_mlock(&seed, sizeof(seed)) == -1)
		return err_sys(err, "lock memory for key %s", name);
	if (key_load(dirfd, name, &seed, err) == 0) {
		sig_public_of(&seed, pub);
		sig_sign(&seed, bytes->data, bytes->len, sig);
		rc = 0;
	}
	sodium_munlock(&seed, sizeof(seed)); /* wipes */
	return rc;
}
