#include "builder/bake/env_list.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/fdio.h"
#include "lib/own.h"
#include "lib/tree.h"

#define LIST_MAX ((size_t)256 << 20)
#define FIELDS 5 /* before the path */

void
env_list_name(const char *hex, char out[ENV_LIST_NAME])
{
	memcpy(out, hex, HASH_HEX - 1);
	memcpy(out + HASH_HEX - 1, ".list", 6);
}

static int
add(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err)
{
	(void)dirfd;
	(void)name;
	(void)err;
	buf_printf(arg, "%ju %o %u %jd %jd.%09ld %s\n", (uintmax_t)st->st_ino,
	    (unsigned)st->st_mode, (unsigned)st->st_uid,
	    S_ISDIR(st->st_mode) ? (intmax_t)0 : (intmax_t)st->st_size,
	    (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, path);
	return 0;
}

int
env_list_add(int root, struct buf *b, struct err *err)
{
	return tree_walk(root, add, b, err);
}

static struct span
path_of(struct span line)
{
	for (int i = 0; i < FIELDS; i++) {
		const char *blank = memchr(line.p, ' ', line.n);

		if (!blank)
			break;
		line.n -= (size_t)(blank + 1 - line.p);
		line.p = blank + 1;
	}
	return line;
}

/* The first line that is not the same in both. */
static int
differ(const char *hex, const struct buf *then, const struct buf *now,
    struct err *err)
{
	struct span a = span_buf(then), b = span_buf(now);
	struct span x = { 0 }, y = { 0 }, px, py;
	bool more_x = true, more_y = true;
	int order = 0;

	while (more_x && more_y && x.n == y.n &&
	       (x.n == 0 || memcmp(x.p, y.p, x.n) == 0)) {
		more_x = span_next(&a, '\n', &x);
		more_y = span_next(&b, '\n', &y);
	}
	px = more_x ? path_of(x) : (struct span){ 0 };
	py = more_y ? path_of(y) : (struct span){ 0 };
	/* Both are sorted: the smaller path is missing on the other side. */
	if (px.n && py.n) {
		size_t n = px.n < py.n ? px.n : py.n;

		order = memcmp(px.p, py.p, n);
		if (order == 0)
			order = (px.n > py.n) - (px.n < py.n);
	} else {
		order = px.n ? -1 : 1;
	}
	return err_set(err, ERR_TRUST,
	    "environment %.12s: /%.*s %s since it was assembled: run `kiln"
	    " verify`",
	    hex, (int)(order <= 0 ? px.n : py.n), order <= 0 ? px.p : py.p,
	    order == 0	? "has changed"
	    : order < 0 ? "has gone"
			: "has come");
}

int
env_list_check(int env, const struct hash *digest, struct err *err)
{
	auto_buf struct buf then = BUF_INIT, now = BUF_INIT;
	char hex[HASH_HEX], list[ENV_LIST_NAME];
	auto_fd int root = -1;

	hash_hex(digest, hex);
	env_list_name(hex, list);
	root = dir_open_at(env, hex, err);
	if (root == -1 || file_read_at(env, list, LIST_MAX, &then, err) == -1 ||
	    env_list_add(root, &now, err) == -1)
		return -1;
	if (then.len == now.len && memcmp(then.data, now.data, now.len) == 0)
		return 0;
	return differ(hex, &then, &now, err);
}
