#include "builder/judge/deep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/sandbox.h"
#include "lib/spawn.h"
#include "lib/tree.h"

#define PROGRAM "/usr/bin/diffoscope"
#define FOLDER "deep"
#define MEMORY ((int64_t)4 << 30)
#define TMP_SIZE ((int64_t)1 << 30) /* it unpacks there */

/* A root folder with nothing in it but what is mounted; as in Debian, where
 * /bin and /lib are links. */
static int
make_root(int dir, struct err *err)
{
	static const char *const folders[] = { "root/usr", "root/proc",
		"root/dev", "root/tmp", "root/in/a", "root/in/b", "a", "b" };
	static const char *const links[] = { "bin", "sbin", "lib", "lib64" };

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		int fd = dir_make_at(dir, folders[i], 0755, err);

		if (fd == -1)
			return -1;
		close(fd);
	}
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		auto_free char *to = mem_printf("usr/%s", links[i]);
		auto_free char *at = mem_printf("root/%s", links[i]);

		if (symlinkat(to, dir, at) == -1)
			return err_sys(err, "make a link");
	}
	return 0;
}

static int
put_side(const struct deep_place *at, int dir, const char *side,
    const char *name, const struct hash *h, struct err *err)
{
	auto_free char *path = mem_printf("%s/%s", side, name);
	auto_fd int from = -1, to = -1;
	struct hash got;
	int64_t size;

	if (store_get(at->store, h, &from, err) == -1)
		return -1;
	to = file_open_at(dir, path, O_WRONLY | O_CREAT | O_EXCL, 0444, err);
	if (to == -1 || hash_copy(from, to, INT64_MAX, &got, &size, err) == -1)
		return -1;
	if (!hash_equal(&got, h))
		return err_set(
		    err, ERR_TRUST, "%s: damaged in the store", name);
	return 0;
}

/* To its end, the limit or the deadline; the rest is thrown away. */
static int
read_text(int pipe, struct buf *out, struct err *err)
{
	int64_t until = time_mono_ms() + DEEP_MS;
	char block[16384];

	for (;;) {
		struct pollfd p = { .fd = pipe, .events = POLLIN };
		int64_t left = until - time_mono_ms();
		ssize_t n;
		int r = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (r == -1 && errno == EINTR)
			continue;
		if (r <= 0)
			return err_set(
			    err, ERR_BUSY, "diffoscope takes too long");
		n = read(pipe, block, sizeof(block));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		if (out->len + (size_t)n <= DEEP_TEXT)
			buf_add(out, block, (size_t)n);
	}
}

static int
run(const struct deep_place *at, const char *name, struct buf *out,
    struct spawn_end *end, struct err *err)
{
	static const char *const env[] = { "PATH=/usr/bin:/usr/sbin",
		"LC_ALL=C.UTF-8", "TZ=UTC", "HOME=/tmp", NULL };
	auto_free char *base = mem_printf("%s/" FOLDER, at->work_path);
	auto_free char *root = mem_printf("%s/root", base);
	auto_free char *dir_a = mem_printf("%s/a", base);
	auto_free char *dir_b = mem_printf("%s/b", base);
	auto_free char *in_a = mem_printf("/in/a/%s", name);
	auto_free char *in_b = mem_printf("/in/b/%s", name);
	const char *argv[] = { PROGRAM, "--no-progress",
		"--max-text-report-size", "1000000", "--text", "-", "--", in_a,
		in_b, NULL };
	const struct sandbox_bind binds[] = { { "/usr", "/usr", false },
		{ dir_a, "/in/a", false }, { dir_b, "/in/b", false } };
	struct sandbox_jail jail = SANDBOX_JAIL_INIT;
	struct sandbox sb = { .root = root,
		.binds = binds,
		.nbinds = ARRAY_LEN(binds),
		.env = env,
		.argv = argv,
		.cwd = "/tmp",
		.hostname = "deep",
		.uid = 1000,
		.gid = 1000,
		.memory = MEMORY,
		.tmp_size = TMP_SIZE,
		.jail = &jail };
	struct child child = CHILD_INIT;
	auto_fd int pipe_r = -1, pipe_w = -1;
	bool ran = false;
	int pair[2], rc;

	if (pipe2(pair, O_CLOEXEC) == -1)
		return err_sys(err, "make a pipe");
	pipe_r = pair[0];
	pipe_w = sb.out = pair[1];
	if (sandbox_start(&sb, &child, err) == -1)
		return -1;
	close(take_fd(&pipe_w));
	rc = read_text(pipe_r, out, err);
	if (rc == -1)
		sandbox_kill(&jail);
	if (rc == 0)
		rc = spawn_wait(&child, DEEP_MS, end, err);
	else
		spawn_kill(&child);
	if (rc == 0)
		return sandbox_end(&jail, &ran, err);
	own_close(&jail.init);
	own_close(&jail.status);
	return -1;
}

static void
add_clean(struct buf *out, const struct buf *text)
{
	for (size_t i = 0; i < text->len; i++) {
		unsigned char c = (unsigned char)text->data[i];

		if (c == '\n' || (c >= 0x20 && c < 0x7f))
			buf_char(out, (char)c);
		else if (c == '\t')
			buf_char(out, ' ');
		else
			buf_printf(out, "\\x%02x", c);
	}
}

static int
view(const struct deep_place *at, int dir, const char *name,
    const struct hash *a, const struct hash *b, struct buf *out,
    struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	struct spawn_end end;

	if (make_root(dir, err) == -1 ||
	    put_side(at, dir, "a", name, a, err) == -1 ||
	    put_side(at, dir, "b", name, b, err) == -1 ||
	    run(at, name, &text, &end, err) == -1)
		return -1;
	/* diffoscope(1): 0 the same, 1 not. */
	if (end.code != 0 && end.code != 1) {
		auto_buf struct buf how = BUF_INIT;

		spawn_end_text(&end, &how);
		return err_set(
		    err, ERR_SYSTEM, "diffoscope ended: %s", how.data);
	}
	add_clean(out, &text);
	return 0;
}

int
deep_view(const struct deep_place *at, const char *name, const struct hash *a,
    const struct hash *b, struct buf *out, struct err *err)
{
	struct err gone = ERR_INIT;
	auto_fd int dir = -1;
	int rc;

	if (access(PROGRAM, X_OK) == -1)
		return err_set(err, ERR_MISSING,
		    "there is no diffoscope here: install the package "
		    "diffoscope-minimal");
	if (!name_ok(name))
		return err_set(err, ERR_INPUT, "an output has no good name");
	if (tree_remove_at(at->workdir, FOLDER, err) == -1)
		return -1;
	dir = dir_make_at(at->workdir, FOLDER, 0755, err);
	if (dir == -1)
		return -1;
	rc = view(at, dir, name, a, b, out, err);
	if (tree_remove_at(at->workdir, FOLDER, &gone) == -1)
		err_clear(&gone); /* the folder above is removed, too */
	return rc;
}
