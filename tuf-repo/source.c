#include "tuf-repo/source.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

void
source_dirs(struct source *s, int metadata, int targets)
{
	s->metadata = fcntl(metadata, F_DUPFD_CLOEXEC, 3);
	s->targets = fcntl(targets, F_DUPFD_CLOEXEC, 3);
}

static int
open_url(struct source *s, const char *where, struct err *err)
{
	size_t n = strlen(where);

	s->http = http_open("kiln-tuf/" KILN_VERSION, NULL, err);
	if (!s->http)
		return -1;
	s->url = mem_printf("%s%s", where, where[n - 1] == '/' ? "" : "/");
	return 0;
}

int
source_open(struct source *s, const char *where, struct err *err)
{
	auto_fd int dir = -1;

	if (strncmp(where, "http://", 7) == 0 ||
	    strncmp(where, "https://", 8) == 0)
		return open_url(s, where, err);
	dir = dir_open(where, err);
	if (dir == -1)
		return -1;
	s->metadata = dir_open_at(dir, "metadata", err);
	if (s->metadata == -1)
		return err_prefix(err, "%s", where);
	s->targets = dir_open_at(dir, "targets", err);
	if (s->targets == -1)
		return err_prefix(err, "%s", where);
	return 0;
}

void
source_override(struct source *s, const char *name, const struct buf *bytes)
{
	if (!s->given)
		s->given = json_object();
	js_set(s->given, name, json_stringn(bytes->data, bytes->len));
}

void
source_release(struct source *s)
{
	own_close(&s->metadata);
	own_close(&s->targets);
	http_close(s->http);
	free(s->url);
	json_decref(s->given);
	*s = (struct source)SOURCE_INIT;
}

/* --- by address -------------------------------------------------------- */

static int
fetch(struct source *s, const char *part, const char *path, int64_t limit,
    struct buf *body, int fd, struct err *err)
{
	auto_free char *url = mem_printf("%s%s/%s", s->url, part, path);
	struct http_get get = {
		.url = url, .limit = limit, .fd = fd, .body = body
	};
	struct http_answer answer;

	if (http_get(s->http, &get, &answer, err) == -1)
		return err_prefix(err, "%s", url);
	if (answer.status == 404 || answer.status == 403)
		return err_set(err, ERR_MISSING, "%s: not there", url);
	if (answer.status != 200)
		return err_set(err, ERR_BUSY, "%s: the server answers %d", url,
		    answer.status);
	return 0;
}

static int
fetch_fd(struct source *s, const char *path, int64_t limit, struct err *err)
{
	auto_fd int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd == -1)
		return err_sys(err, "make a temporary file");
	if (fetch(s, "targets", path, limit + 1, NULL, fd, err) == -1)
		return -1;
	return take_fd(&fd);
}

/* --- either ------------------------------------------------------------ */

int
source_read(struct source *s, const char *name, size_t limit, struct buf *out,
    struct err *err)
{
	const json_t *given = json_object_get(s->given, name);

	if (given) {
		buf_add(
		    out, json_string_value(given), json_string_length(given));
		return 0;
	}
	if (s->http)
		return fetch(s, "metadata", name, (int64_t)limit, out, -1, err);
	return file_read_at(s->metadata, name, limit, out, err);
}

int
source_read_target(struct source *s, const char *path, size_t limit,
    struct buf *out, struct err *err)
{
	if (s->http)
		return fetch(s, "targets", path, (int64_t)limit, out, -1, err);
	return file_read_at(s->targets, path, limit, out, err);
}

int
source_target_fd(
    struct source *s, const char *path, int64_t limit, struct err *err)
{
	return s->http ? fetch_fd(s, path, limit, err)
		       : file_open_at(s->targets, path, O_RDONLY, 0, err);
}

int
source_hash(struct source *s, const char *path, int64_t limit, struct hash *h,
    int64_t *size, struct err *err)
{
	auto_fd int fd = source_target_fd(s, path, limit, err);

	return fd == -1 ? -1 : hash_fd(fd, h, size, err);
}

int
source_size(struct source *s, const char *path, int64_t limit, int64_t *size,
    struct err *err)
{
	auto_fd int fd = source_target_fd(s, path, limit, err);

	return fd == -1 ? -1 : fd_size(fd, size, err);
}
