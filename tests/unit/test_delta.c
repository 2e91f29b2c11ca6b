/* wrap: pread */
/* Deltas there and back, and files made to do harm. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include <zstd.h>

#include "lib/delta.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/spawn.h"
#include "tests/support/scratch.h"

static struct err err;
static int level = 3;

static int
file_of(const void *p, size_t n)
{
	struct tmp t = TMP_INIT;

	assert_int_equal(tmp_open(&t, scratch.fd, 0600, &err), 0);
	if (n)
		assert_int_equal(fd_write_all(t.fd, p, n, &err), 0);
	return t.fd; /* unnamed; gone when closed */
}

static char *
noise(size_t n, uint32_t seed)
{
	char *p = mem_alloc(n);

	for (size_t i = 0; i < n; i++) {
		seed = seed * 1103515245 + 12345;
		p[i] = (char)(seed >> 16);
	}
	return p;
}

struct pair {
	int new, old, file;
	char *a; /* new's bytes */
	size_t na;
	struct delta_made made;
};

static void
pair_make(struct pair *p, const char *a, size_t na, const char *b, size_t nb)
{
	memset(p, 0, sizeof(*p));
	p->a = mem_dup(a, na);
	p->na = na;
	p->new = file_of(a, na);
	p->old = b ? file_of(b, nb) : -1;
	p->file = file_of(NULL, 0);
	if (delta_make(p->new, p->old, p->file, level, &p->made, &err) == -1)
		fail_msg("%s", err.msg);
}

static void
pair_release(struct pair *p)
{
	close(p->new);
	if (p->old != -1)
		close(p->old);
	close(p->file);
	free(p->a);
}

static void
assert_comes_back(const struct pair *p)
{
	int out = file_of(NULL, 0);
	char *got = mem_alloc(p->na + 1);

	if (delta_apply(p->file, p->old, out, &p->made.head_sha256, &err) == -1)
		fail_msg("%s", err.msg);
	assert_int_equal(pread(out, got, p->na + 1, 0), p->na);
	assert_memory_equal(got, p->a, p->na);
	free(got);
	close(out);
}

static void
images_of_all_sizes_come_back(void **state)
{
	static const size_t sizes[] = { 1, 4096, DELTA_FRAME - 1, DELTA_FRAME,
		DELTA_FRAME + 1, 3 * DELTA_FRAME + 77 };
	char *big = noise(4 * DELTA_FRAME, 1), *old = noise(DELTA_FRAME, 1);
	struct pair p;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		pair_make(&p, big, sizes[i], NULL, 0);
		assert_comes_back(&p);
		pair_release(&p);
		/* a short old image, and one longer than the new */
		pair_make(&p, big, sizes[i], old, 1000);
		assert_comes_back(&p);
		pair_release(&p);
		pair_make(&p, big, sizes[i], big, 4 * DELTA_FRAME);
		assert_comes_back(&p);
		pair_release(&p);
	}
	free(big);
	free(old);
}

static void
a_small_change_makes_a_small_delta(void **state)
{
	size_t n = 5 * DELTA_FRAME + 12345;
	char *a = noise(n, 7), *b = mem_dup(a, n);
	struct pair p;

	(void)state;
	/* shifted by some bytes from here on */
	memmove(a + 3000000, a + 3000100, n - 3000100);
	level = 19;
	pair_make(&p, a, n, b, n);
	level = 3;
	assert_comes_back(&p);
	print_message("# %zu bytes by %lld\n", n, (long long)p.made.size);
	assert_in_range(p.made.size, 100, n / 100);
	pair_release(&p);
	free(a);
	free(b);
}

static void
an_unchanged_frame_travels_as_nothing(void **state)
{
	size_t n = 2 * DELTA_FRAME;
	char *a = noise(n, 9);
	struct pair p;

	(void)state;
	pair_make(&p, a, n, a, n);
	assert_comes_back(&p);
	assert_int_equal(p.made.size, p.made.head_size);
	pair_release(&p);
	free(a);
}

static void
the_same_images_make_the_same_file(void **state)
{
	size_t n = DELTA_FRAME + 5;
	char *a = noise(n, 3), *b = noise(n, 4);
	struct pair p, q;

	(void)state;
	pair_make(&p, a, n, b, n);
	pair_make(&q, a, n, b, n);
	assert_true(hash_equal(&p.made.sha256, &q.made.sha256));
	pair_release(&p);
	pair_release(&q);
	free(a);
	free(b);
}

static void
a_full_form_is_plain_zstd(void **state)
{
	size_t n = DELTA_FRAME + 5000;
	char *a = noise(n, 11), *packed, *got = mem_alloc(n);
	struct pair p;

	(void)state;
	memset(a + 1000, 0, n / 2);
	pair_make(&p, a, n, NULL, 0);
	packed = mem_alloc((size_t)p.made.size);
	assert_int_equal(
	    pread(p.file, packed, (size_t)p.made.size, 0), p.made.size);
	assert_int_equal(
	    ZSTD_decompress(got, n, packed, (size_t)p.made.size), n);
	assert_memory_equal(got, a, n);
	pair_release(&p);
	free(a);
	free(got);
	free(packed);
}

/* --- hostile -------------------------------------------------------------- */

static int
apply_bytes(const struct pair *p, const char *bytes, size_t n)
{
	int file = file_of(bytes, n), out = file_of(NULL, 0), rc;

	err_clear(&err);
	rc = delta_apply(file, p->old, out, NULL, &err);
	close(file);
	close(out);
	return rc;
}

static char *
bytes_of(const struct pair *p)
{
	char *b = mem_alloc((size_t)p->made.size);

	assert_int_equal(
	    pread(p->file, b, (size_t)p->made.size, 0), p->made.size);
	return b;
}

static void
small_pair(struct pair *p)
{
	size_t n = DELTA_FRAME + 4000;
	char *a = noise(n, 5), *b = mem_dup(a, n);

	memset(a + 100, 'x', 50);
	memset(a + DELTA_FRAME, 'y', 3000);
	pair_make(p, a, n, b, n);
	free(a);
	free(b);
}

static void
every_cut_and_every_changed_byte_is_refused(void **state)
{
	struct pair p;
	size_t n, step;
	char *b;

	(void)state;
	small_pair(&p);
	b = bytes_of(&p);
	n = (size_t)p.made.size;
	step = n / 400 + 1;
	for (size_t i = 0; i < n; i += step)
		assert_int_equal(apply_bytes(&p, b, i), -1);
	for (size_t i = 0; i < n; i += i < p.made.head_size ? 1 : step) {
		b[i] ^= 1;
		/* the old digest alone is not looked at while decoding */
		if (apply_bytes(&p, b, n) == 0 && !(i >= 80 && i < 112))
			fail_msg("byte %zu may be anything", i);
		b[i] ^= 1;
	}
	assert_int_equal(apply_bytes(&p, b, n), 0);
	free(b);
	pair_release(&p);
}

static void
a_head_that_metadata_does_not_name_is_refused(void **state)
{
	struct pair p;
	struct hash h = { { 1 } };
	int out = file_of(NULL, 0);

	(void)state;
	small_pair(&p);
	assert_int_equal(delta_apply(p.file, p.old, out, &h, &err), -1);
	assert_int_equal(err.cls, ERR_TRUST);
	assert_int_equal(lseek(out, 0, SEEK_END), 0);
	close(out);
	pair_release(&p);
}

static void
another_old_image_is_refused(void **state)
{
	char *other = noise(DELTA_FRAME + 4000, 99);
	struct pair p;
	int old, out = file_of(NULL, 0);

	(void)state;
	small_pair(&p);
	old = file_of(other, DELTA_FRAME + 4000);
	assert_int_equal(
	    delta_apply(p.file, old, out, &p.made.head_sha256, &err), -1);
	assert_int_equal(
	    delta_apply(p.file, -1, out, &p.made.head_sha256, &err), -1);
	assert_int_equal(err.cls, ERR_MISSING);
	close(old);
	close(out);
	free(other);
	pair_release(&p);
}

static int failing = -1; /* reading this descriptor fails */

ssize_t __real_pread(int, void *, size_t, off_t);
ssize_t __wrap_pread(int, void *, size_t, off_t);
ssize_t
__wrap_pread(int fd, void *p, size_t n, off_t at)
{
	if (fd == failing) {
		errno = EIO;
		return -1;
	}
	return __real_pread(fd, p, n, at);
}

/* Flash that wears out: no wrong image comes of it. */
static void
an_old_image_that_cannot_be_read_is_an_error(void **state)
{
	struct pair p;
	int out = file_of(NULL, 0);

	(void)state;
	small_pair(&p);
	failing = p.old;
	assert_int_equal(
	    delta_apply(p.file, p.old, out, &p.made.head_sha256, &err), -1);
	failing = -1;
	assert_int_equal(err.cls, ERR_SYSTEM);
	assert_int_equal(err.sys, EIO);
	close(out);
	pair_release(&p);
}

/* A frame that decompresses to more than 2 MiB, with its digest right. */
static void
a_bomb_stays_within_its_frame(void **state)
{
	size_t big = (size_t)64 << 20, cap = ZSTD_compressBound(big), n;
	char *zeroes = mem_zero(1, big), *packed = mem_alloc(cap);
	struct pair p;
	struct hash h;
	uint32_t len;
	char *b;

	(void)state;
	small_pair(&p);
	n = ZSTD_compress(packed, cap, zeroes, big, 1);
	b = mem_alloc(p.made.head_size + n);
	assert_int_equal(
	    pread(p.file, b, p.made.head_size, 0), p.made.head_size);
	len = (uint32_t)n;
	hash_bytes(&h, packed, n);
	memcpy(b + 112, &len, 4);
	memcpy(b + 116, h.b, 32);
	memset(b + 148, 0, 4);
	memcpy(b + p.made.head_size, packed, n);
	assert_int_equal(apply_bytes(&p, b, p.made.head_size + n), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	free(b);
	free(zeroes);
	free(packed);
	pair_release(&p);
}

static void
an_empty_image_is_refused(void **state)
{
	struct delta_made made;
	int empty = file_of(NULL, 0), out = file_of(NULL, 0);

	(void)state;
	assert_int_equal(delta_make(empty, -1, out, 3, &made, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	close(empty);
	close(out);
}

/* So much more than now, and no more. */
static void
limit_data(rlim_t more)
{
	struct buf text = BUF_INIT;
	struct rlimit lim;
	long long pages[6];

	if (file_read("/proc/self/statm", 4096, &text, &err) == -1 ||
	    sscanf(text.data, "%lld %lld %lld %lld %lld %lld", &pages[0],
		&pages[1], &pages[2], &pages[3], &pages[4], &pages[5]) != 6)
		_exit(2);
	lim.rlim_cur = lim.rlim_max =
	    (rlim_t)pages[5] * (rlim_t)sysconf(_SC_PAGESIZE) + more;
	if (setrlimit(RLIMIT_DATA, &lim) == -1)
		_exit(3);
}

static void
decoding_needs_little_memory(void **state)
{
	size_t n = 24 << 20;
	char *a, *b;
	struct pair p;
	int status;
	pid_t pid;

	(void)state;
#ifdef KILN_ASAN
	skip(); /* the sanitizer keeps what is freed */
#endif
	a = noise(n, 13);
	b = noise(n, 13);
	memset(a + 9000000, 0, 1000000);
	pair_make(&p, a, n, b, n);
	free(a);
	free(b);
	free(p.a);
	p.a = NULL;
	pid = fork();
	if (pid == 0) {
		int out = file_of(NULL, 0);

		limit_data((rlim_t)12 << 20);
		_exit(delta_apply(p.file, p.old, out, NULL, &err) == -1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	pair_release(&p);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(images_of_all_sizes_come_back),
		TEST(a_small_change_makes_a_small_delta),
		TEST(an_unchanged_frame_travels_as_nothing),
		TEST(the_same_images_make_the_same_file),
		TEST(a_full_form_is_plain_zstd),
		TEST(every_cut_and_every_changed_byte_is_refused),
		TEST(a_head_that_metadata_does_not_name_is_refused),
		TEST(another_old_image_is_refused),
		TEST(an_old_image_that_cannot_be_read_is_an_error),
		TEST(a_bomb_stays_within_its_frame),
		TEST(an_empty_image_is_refused),
		TEST(decoding_needs_little_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
