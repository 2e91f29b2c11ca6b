/*
 * The client workflow over a folder, its fetcher being this program, started
 * again with the word "files": "URLs" are paths of files, FILE.cut breaks a
 * transfer in its middle, and each request goes into a log beside them.
 */
#ifndef KILN_TEST_REFRESH_H
#define KILN_TEST_REFRESH_H

#include "lib/json.h"
#include "lib/tree.h"
#include "lib/tuf_read.h"
/* Alone: their room needs all the others. */
#include "router-agent/trust/fetch.c"
#include "router-agent/trust/refresh.c"
#include "router-agent/trust/refresh_url.c"
#include "tests/support/tuf/tufmake.h"

#define NOW 1900000000

/* --- the child ----------------------------------------------------------- */

static void
tell(uint32_t type, uint32_t first, int64_t bytes)
{
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	ipc_add_u32(&b, first);
	if (type == FETCH_FAILED) {
		ipc_add_u32(&b, 0);
		ipc_add_str(&b, "cut off");
	} else {
		ipc_add_i64(&b, bytes);
		ipc_add_str(&b, "");
		ipc_add_i64(&b, 0);
	}
	if (ipc_send(FETCH_SOCKET, type, &b, NULL, 0, &err) == -1)
		_exit(9);
}

static void
note(const char *url, int64_t from)
{
	auto_free char *dir = mem_strn(url, strcspn(url, "@"));
	auto_free char *log = mem_printf("%slog", dir);
	FILE *f = fopen(log, "a");

	if (!f)
		_exit(8);
	fprintf(f, "%s+%lld ", url + strlen(dir) + 2, (long long)from);
	fclose(f);
}

static void
serve(const char *url, int64_t from, int body)
{
	auto_free char *cut = mem_printf("%s.cut", url);
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	bool half = unlink(cut) == 0;
	size_t at = (size_t)from, n;

	note(url, from);
	if (file_read(url, 1 << 20, &b, &err) == -1) {
		close(body);
		tell(FETCH_DONE, 404, 0);
		return;
	}
	n = at < b.len ? b.len - at : 0;
	if (half)
		n /= 2;
	if (fd_write_all(body, b.data + at, n, &err) == -1)
		_exit(9);
	close(body);
	if (half)
		tell(FETCH_FAILED, ERR_BUSY, 0);
	else
		tell(FETCH_DONE, from ? 206 : 200, (int64_t)n);
}

static int
file_server(void)
{
	struct err err = ERR_INIT;

	for (;;) {
		auto_ipc struct ipc_msg m = IPC_MSG_INIT;
		auto_free char *url = NULL;
		int64_t limit, from;

		if (ipc_recv(FETCH_SOCKET, -1, &m, &err) != 1 ||
		    ipc_get_str(&m, FETCH_URL_MAX, &url, &err) == -1 ||
		    ipc_get_i64(&m, &limit, &err) == -1 ||
		    ipc_get_i64(&m, &from, &err) == -1)
			return 0;
		serve(url, from, take_fd(&m.fds[0]));
	}
}

/* --- a repository and a client ------------------------------------------- */

struct place {
	char path[64];
	int dir; /* @/ below it: the repository, client/: what is trusted */
	int repo;
	int client;
	int file; /* where a target goes */
	struct tufmake_key key;
	json_t *root, *timestamp, *snapshot, *targets;
	struct fetcher *f;
	struct refresh *r;
	struct err err;
};

static void
put(struct place *p, const char *name, const json_t *j)
{
	auto_buf struct buf b = BUF_INIT;

	tufmake_sign(j, &p->key, 1, &b);
	assert_int_equal(
	    file_write_at(p->repo, name, b.data, b.len, 0644, &p->err), 0);
}

static void
put_all(struct place *p)
{
	put(p, "timestamp.json", p->timestamp);
	put(p, "1.snapshot.json", p->snapshot);
	put(p, "1.targets.json", p->targets);
}

static int
setup(void **state)
{
	static const char content[] = "twenty bytes of text";
	struct place *p = mem_zero(1, sizeof(*p));
	auto_buf struct buf b = BUF_INIT;
	char exe[4096], hex[HASH_HEX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	auto_free char *name = NULL;
	struct hash h;

	strcpy(p->path, "/tmp/kiln-refresh.XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->dir = dir_open(p->path, &p->err);
	p->repo = dir_make_at(p->dir, "@", 0755, &p->err);
	p->client = dir_make_at(p->dir, "client", 0755, &p->err);
	p->file = file_open_at(p->dir, "got", O_RDWR | O_CREAT, 0644, &p->err);
	tufmake_key(&p->key, 0);
	p->root = tufmake_root(1);
	for (int i = TUF_ROOT; i <= TUF_TARGETS; i++)
		tufmake_root_role(p->root, tuf_type_name(i), &p->key, 1, 1);
	p->timestamp = tufmake_timestamp(1, 1, NULL);
	p->snapshot = tufmake_snapshot(1);
	tufmake_snapshot_add(p->snapshot, "targets", 1, NULL);
	p->targets = tufmake_targets(1);
	tufmake_target(p->targets, "t", content);
	put_all(p);
	hash_bytes(&h, content, strlen(content));
	hash_hex(&h, hex);
	name = mem_printf("%s.t", hex);
	assert_int_equal(file_write_at(p->repo, name, content, strlen(content),
			     0644, &p->err),
	    0);
	tufmake_sign(p->root, &p->key, 1, &b);
	assert_int_equal(refresh_init(p->client, b.data, b.len, &p->err), 0);
	assert_true(n > 0);
	exe[n] = '\0';
	p->f = fetcher_start(exe, "files", &p->err);
	assert_non_null(p->f);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	refresh_free(p->r);
	fetcher_stop(p->f);
	json_decref(p->root);
	json_decref(p->timestamp);
	json_decref(p->snapshot);
	json_decref(p->targets);
	close(p->file);
	close(p->client);
	close(p->repo);
	close(p->dir);
	p->dir = dir_open("/tmp", &p->err);
	assert_int_equal(
	    tree_remove_at(p->dir, strrchr(p->path, '/') + 1, &p->err), 0);
	close(p->dir);
	free(p);
	return 0;
}

static int
run(struct place *p)
{
	auto_free char *url = mem_printf("%s/@", p->path);
	struct refresh_opts o = { .metadata_url = url,
		.dirfd = p->client,
		.now = NOW,
		.fetcher = p->f };

	refresh_free(p->r);
	p->r = refresh_open(&o, &p->err);
	assert_non_null(p->r);
	return refresh_run(p->r, &p->err);
}

KILN_UNUSED static int
get_target(struct place *p)
{
	auto_free char *url = mem_printf("%s/@/", p->path);
	const struct tuf_target *t;
	const char *role;

	assert_int_equal(refresh_target(p->r, "t", &t, &role, &p->err), 0);
	assert_string_equal(role, "targets");
	return refresh_download(p->r, url, t, p->file, NULL, &p->err);
}

/* What was asked for since the last call, without the hash before ".t". */
KILN_UNUSED static void
asked(struct place *p, const char *want)
{
	auto_buf struct buf b = BUF_INIT;
	const char *s;

	if (file_read_at(p->dir, "log", 1 << 20, &b, &p->err) == -1)
		assert_string_equal(want, "");
	s = b.data;
	if (b.len > 64 && strspn(s, "0123456789abcdef") == 64)
		s += 64;
	assert_string_equal(s, want);
	(void)!unlinkat(p->dir, "log", 0);
}

/* The next run's breaks in the middle of the target. */
KILN_UNUSED static void
cut_target(struct place *p)
{
	char cmd[HASH_HEX + 8], hex[HASH_HEX];
	struct hash h;

	hash_bytes(&h, "twenty bytes of text", 20);
	hash_hex(&h, hex);
	snprintf(cmd, sizeof(cmd), "%s.t.cut", hex);
	assert_int_equal(file_write_at(p->repo, cmd, "", 0, 0644, &p->err), 0);
}

KILN_UNUSED static int64_t
file_length(struct place *p)
{
	int64_t n = -1;

	assert_int_equal(fd_size(p->file, &n, &p->err), 0);
	return n;
}

#define FIRST \
	"2.root.json+0 timestamp.json+0 1.snapshot.json+0 1.targets.json+0 "

KILN_UNUSED static void
stored(struct place *p, const char *name, struct buf *out)
{
	buf_clear(out);
	if (file_read_at(p->client, name, 1 << 20, out, &p->err) == -1)
		err_clear(&p->err);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
