#include "recipes/router-config/door.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FILE_NAME PAGE_STATE "/password"
#define FILE_NEW PAGE_STATE "/password.new"
#define COOKIE "session="
/* What OWASP's Password Storage Cheat Sheet asks of Argon2id where memory is
 * scarce: most of the machine's is the kernel's. */
#define OPS 5
#define MEM (7U << 20)

static int64_t
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec;
}

static void
random_hex(char out[PAGE_TOKEN])
{
	unsigned char random[(PAGE_TOKEN - 1) / 2];

	randombytes_buf(random, sizeof random);
	sodium_bin2hex(out, PAGE_TOKEN, random, sizeof random);
}

int
door_open(struct door *d, struct fault *f)
{
	char *text;
	size_t n;

	memset(d, 0, sizeof *d);
	random_hex(d->login);
	if (access(FILE_NAME, F_OK) == -1 && errno == ENOENT)
		return 0;
	if (guest_read(FILE_NAME, sizeof d->hash - 1, &text, &n, f) == -1)
		return -1;
	memcpy(d->hash, text, n);
	free(text);
	if (strncmp(d->hash, crypto_pwhash_STRPREFIX,
		strlen(crypto_pwhash_STRPREFIX)) != 0)
		return fault_set(f, "%s is damaged", FILE_NAME);
	return 0;
}

static int
write_down(const char *hash, struct fault *f)
{
	int dir = open(PAGE_STATE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = open(FILE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t n = strlen(hash);
	bool good = dir != -1 && fd != -1 && write(fd, hash, n) == (ssize_t)n &&
		    fsync(fd) == 0 && rename(FILE_NEW, FILE_NAME) == 0 &&
		    fsync(dir) == 0;

	if (!good)
		fault_sys(f, "keep the password");
	if (fd != -1)
		close(fd);
	if (dir != -1)
		close(dir);
	return good ? 0 : -1;
}

int
door_set(struct door *d, const char *password, struct fault *f)
{
	char hash[crypto_pwhash_STRBYTES];

	_Static_assert(sizeof hash <= sizeof d->hash, "room for a hash");
	if (crypto_pwhash_str(hash, password, strlen(password), OPS, MEM) != 0)
		return fault_set(f, "not enough memory");
	if (write_down(hash, f) == -1)
		return -1;
	memcpy(d->hash, hash, sizeof hash);
	memset(d->at, 0, sizeof d->at);
	d->wrong = 0;
	return 0;
}

int64_t
door_wait(const struct door *d)
{
	int64_t left = d->open_at - seconds();

	return left > 0 ? left : 0;
}

bool
door_try(struct door *d, const char *password)
{
	int64_t wait;

	if (crypto_pwhash_str_verify(d->hash, password, strlen(password)) ==
	    0) {
		d->wrong = 0;
		return true;
	}
	if (++d->wrong < DOOR_FREE)
		return false;
	wait = d->wrong - DOOR_FREE < 8 ? (int64_t)2 << (d->wrong - DOOR_FREE)
					: DOOR_WAIT_MAX_S;
	d->open_at =
	    seconds() + (wait < DOOR_WAIT_MAX_S ? wait : DOOR_WAIT_MAX_S);
	return false;
}

struct session *
door_enter(struct door *d)
{
	struct session *s = &d->at[0];
	size_t i;

	for (i = 1; i < DOOR_SESSIONS; i++) {
		if (d->at[i].seen < s->seen)
			s = &d->at[i];
	}
	random_hex(s->id);
	random_hex(s->token);
	s->seen = seconds();
	return s;
}

struct session *
door_session(struct door *d, const char *cookie)
{
	const char *at = cookie == NULL ? NULL : strstr(cookie, COOKIE);
	char id[PAGE_TOKEN];
	size_t i;

	if (at == NULL || strlen(at + strlen(COOKIE)) < PAGE_TOKEN - 1)
		return NULL;
	memcpy(id, at + strlen(COOKIE), PAGE_TOKEN - 1);
	id[PAGE_TOKEN - 1] = '\0';
	for (i = 0; i < DOOR_SESSIONS; i++) {
		struct session *s = &d->at[i];

		if (!page_token_ok(s->id, id))
			continue;
		if (seconds() - s->seen > DOOR_IDLE_S) {
			memset(s, 0, sizeof *s);
			return NULL;
		}
		s->seen = seconds();
		return s;
	}
	return NULL;
}
