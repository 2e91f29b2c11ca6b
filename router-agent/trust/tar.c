#include "router-agent/trust/tar.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"

#define BLOCK 512
#define NAME_MAX_ 4096 /* of a name that has a member of its own */

struct header { /* the fields that count, of 512 bytes */
	char name[100];
	char mode[8], uid[8], gid[8];
	char size[12];
	char mtime[12];
	char sum[8];
	char type;
	char link[100];
	char magic[8];
	char rest[247];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

static int
broken(const char *what, struct err *err)
{
	return err_set(err, ERR_INPUT, "no router file: %s", what);
}

/* Octal digits, ended by a space or a NUL. */
static bool
octal(const char *s, size_t n, int64_t *out)
{
	int64_t v = 0;
	size_t i = 0;

	while (i < n && s[i] == ' ')
		i++;
	for (; i < n && s[i] >= '0' && s[i] <= '7'; i++)
		v = v * 8 + (s[i] - '0');
	*out = v;
	return i < n && (s[i] == ' ' || s[i] == '\0');
}

/* The sum is taken with its own field as spaces. */
static bool
sum_is_right(const struct header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	size_t from = (size_t)(h->sum - (const char *)h);
	int64_t said, sum = 0;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= from && i < from + sizeof(h->sum) ? ' ' : p[i];
	return octal(h->sum, sizeof(h->sum), &said) && said == sum;
}

/* 0: all of it; ERR_INPUT: the file ends before. */
static int
read_at(int fd, void *p, size_t n, int64_t at, struct err *err)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r =
		    pread(fd, (char *)p + got, n - got, at + (int64_t)got);

		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1) {
			err_sys(err, "read the file");
			err->cls = ERR_BUSY;
			return -1;
		}
		if (r == 0)
			return broken("it is cut off", err);
		got += (size_t)r;
	}
	return 0;
}

struct member {
	char name[NAME_MAX_ + 1];
	int64_t at, size;
	bool regular;
};

static bool
is_end(const struct header *h)
{
	const char *p = (const char *)h;

	for (size_t i = 0; i < BLOCK; i++)
		if (p[i])
			return false;
	return true;
}

/* 1: a header; 0: the end. */
static int
read_header(int fd, int64_t total, int64_t at, struct header *h, int64_t *size,
    struct err *err)
{
	if (read_at(fd, h, sizeof(*h), at, err) == -1)
		return -1;
	if (is_end(h))
		return 0;
	if (memcmp(h->magic, "ustar  ", 8) != 0 || !sum_is_right(h) ||
	    !octal(h->size, sizeof(h->size), size))
		return broken("not a GNU tar", err);
	if (*size > total - at - BLOCK)
		return broken("it is cut off", err);
	return 1;
}

static int64_t
padded(int64_t size)
{
	return (size + BLOCK - 1) / BLOCK * BLOCK;
}

/* A name of more than 100 bytes lies in a member before its own. */
static int
long_name(int fd, int64_t at, int64_t size, struct member *m, struct err *err)
{
	if (size < 1 || size > NAME_MAX_)
		return broken("a name is too long", err);
	if (read_at(fd, m->name, (size_t)size, at, err) == -1)
		return -1;
	m->name[size] = '\0';
	return 0;
}

/* 1: the next member; 0: there is none.  *at goes on behind it. */
static int
next(int fd, int64_t total, int64_t *at, struct member *m, struct err *err)
{
	struct header h;
	int64_t size;
	int got = read_header(fd, total, *at, &h, &size, err);

	m->name[0] = '\0';
	if (got == 1 && h.type == 'L') {
		if (long_name(fd, *at + BLOCK, size, m, err) == -1)
			return -1;
		*at += BLOCK + padded(size);
		got = read_header(fd, total, *at, &h, &size, err);
		if (got == 0)
			return broken("a name without its file", err);
	}
	if (got != 1)
		return got;
	if (m->name[0] == '\0') {
		memcpy(m->name, h.name, sizeof(h.name));
		m->name[sizeof(h.name)] = '\0';
	}
	m->regular = h.type == '0' || h.type == '\0';
	m->at = *at + BLOCK;
	m->size = size;
	*at = m->at + padded(size);
	return 1;
}

int
tar_find(int fd, const char *name, int64_t *at, int64_t *size, struct err *err)
{
	int64_t total, here = 0;
	struct member m;

	if (fd_size(fd, &total, err) == -1)
		return -1;
	for (int i = 0; i < TAR_MEMBERS; i++) {
		int got = next(fd, total, &here, &m, err);

		if (got == -1)
			return -1;
		if (got == 0)
			return err_set(err, ERR_MISSING, "%.200s", name);
		if (m.regular && strcmp(m.name, name) == 0) {
			*at = m.at;
			*size = m.size;
			return 0;
		}
	}
	return broken("it has too many members", err);
}
