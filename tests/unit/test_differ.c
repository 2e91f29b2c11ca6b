/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "builder/judge/differ.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/spawn.h"
#include "tests/support/scratch.h"

/* What a test of an ELF file changes in a copy of this program. */
extern const char differ_marker[];
const char differ_marker[] = "the marker that a test changes: 0";

static struct err err;
static json_t *found;
static struct buf words;

static int
fd_of(const void *p, size_t n)
{
	int fd = memfd_create("side", MFD_CLOEXEC);

	assert_int_not_equal(fd, -1);
	assert_int_equal(fd_write_all(fd, p, n, &err), 0);
	return fd;
}

static void
compare(const void *a, size_t na, const void *b, size_t nb)
{
	auto_fd int fa = fd_of(a, na), fb = fd_of(b, nb);
	struct differ_pair p = { "out", fa, fb };

	json_decref(found);
	found = differ_compare(&p, 1, &err);
	if (!found)
		fail_msg("%s", err.msg);
	buf_clear(&words);
	differ_words(found, &words);
}

static void
compare_bufs(const struct buf *a, const struct buf *b)
{
	compare(a->data, a->len, b->data, b->len);
}

static void
says(const char *line)
{
	if (!strstr(words.data, line))
		fail_msg("no \"%s\" in:\n%s", line, words.data);
}

static size_t
findings(void)
{
	return json_array_size(json_object_get(found, "findings"));
}

static int
after(void **state)
{
	(void)state;
	json_decref(found);
	found = NULL;
	buf_release(&words);
	return 0;
}

/* --- archives ------------------------------------------------------------ */

struct file {
	const char *path, *content;
	int mode, uid;
	int64_t mtime;
};

/* `format`: NULL is what it is without an archive, of the first file. */
static void
pack(struct buf *out, int (*format)(struct archive *),
    int (*filter)(struct archive *), const struct file *v, size_t n)
{
	size_t room = (size_t)4 << 20, used = 0;
	struct archive *a = archive_write_new();

	buf_clear(out);
	buf_reserve(out, room);
	assert_int_equal(format(a), ARCHIVE_OK);
	assert_int_equal(filter(a), ARCHIVE_OK);
	archive_write_set_bytes_in_last_block(a, 1);
	assert_int_equal(
	    archive_write_open_memory(a, out->data, room, &used), ARCHIVE_OK);
	for (size_t i = 0; i < n; i++) {
		struct archive_entry *e = archive_entry_new();
		size_t size = strlen(v[i].content);

		archive_entry_set_pathname(e, v[i].path);
		archive_entry_set_mode(e, (mode_t)(S_IFREG | v[i].mode));
		archive_entry_set_uid(e, v[i].uid);
		archive_entry_set_mtime(e, v[i].mtime, 0);
		archive_entry_set_size(e, (la_int64_t)size);
		assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
		assert_int_equal(
		    archive_write_data(a, v[i].content, size), (int)size);
		archive_entry_free(e);
	}
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
	out->len = used;
}

static const struct file left[] = {
	{ "etc/name", "kiln\n", 0644, 0, 1577836800 },
	{ "etc/other", "same\n", 0644, 0, 1577836800 },
};
static const struct file right[] = {
	{ "etc/name", "oven\n", 0600, 7, 1577836861 },
	{ "etc/other", "same\n", 0644, 0, 1577836800 },
};

static void
pack_both(int (*format)(struct archive *), int (*filter)(struct archive *))
{
	auto_buf struct buf a = BUF_INIT, b = BUF_INIT;

	pack(&a, format, filter, left, 2);
	pack(&b, format, filter, right, 2);
	compare_bufs(&a, &b);
}

static void
archives_are_compared_member_by_member(void **state)
{
	static int (*const formats[])(struct archive *) = {
		archive_write_set_format_cpio_newc,
		archive_write_set_format_gnutar,
		archive_write_set_format_pax_restricted,
		archive_write_set_format_cpio_odc,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		pack_both(formats[i], archive_write_add_filter_none);
		says("out > etc/name: mode: \"0644\" and \"0600\"\n");
		says("out > etc/name: uid: \"0\" and \"7\"\n");
		says("out > etc/name: time: \"2020-01-01T00:00:00Z\" and "
		     "\"2020-01-01T00:01:01Z\"\n");
		says("out > etc/name, line 1, offset 0: line: \"kiln\" and "
		     "\"oven\"\n");
		assert_null(strstr(words.data, "etc/other"));
		assert_int_equal(findings(), 4);
	}
	pack_both(archive_write_set_format_zip, archive_write_add_filter_none);
	says("out > etc/name, line 1, offset 0: line");
	pack_both(
	    archive_write_set_format_ar_bsd, archive_write_add_filter_none);
	says("mode: \"0644\" and \"0600\"");
}

static void
layers_are_taken_off(void **state)
{
	static int (*const filters[])(struct archive *) = {
		archive_write_add_filter_gzip, archive_write_add_filter_xz,
		archive_write_add_filter_zstd, archive_write_add_filter_bzip2
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
		pack_both(archive_write_set_format_gnutar, filters[i]);
		says("out > (inside) > etc/name, line 1, offset 0: line: "
		     "\"kiln\" and \"oven\"\n");
	}
}

static void
a_member_that_one_side_lacks_and_an_order_are_told(void **state)
{
	static const struct file turned[] = { { "b", "x", 0644, 0, 0 },
		{ "a", "y", 0644, 0, 0 } };
	static const struct file straight[] = { { "a", "y", 0644, 0, 0 },
		{ "b", "x", 0644, 0, 0 } };
	auto_buf struct buf a = BUF_INIT, b = BUF_INIT;

	(void)state;
	pack(&a, archive_write_set_format_gnutar, archive_write_add_filter_none,
	    straight, 2);
	pack(&b, archive_write_set_format_gnutar, archive_write_add_filter_none,
	    straight, 1);
	compare_bufs(&a, &b);
	says("out > b: only-a");
	compare_bufs(&b, &a);
	says("out > b: only-b");
	pack(&b, archive_write_set_format_gnutar, archive_write_add_filter_none,
	    turned, 2);
	compare_bufs(&a, &b);
	says("out, members: order: \"a\" and \"b\"");
	assert_int_equal(findings(), 1);
}

static void
the_time_in_a_gzip_header_is_told(void **state)
{
	static const char head[] = "\x1f\x8b\x08\x00\x10\x00\x00\x00\x00\x03";
	/* A deflate of nothing, its checksum and its size. */
	static const char tail[] = "\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00";
	char a[20], b[20];

	(void)state;
	memcpy(a, head, 10);
	memcpy(a + 10, tail, 10);
	memcpy(b, a, 20);
	b[4] = 0x20;
	compare(a, 20, b, 20);
	says("out, offset 4, gzip header: time: \"1970-01-01T00:00:16Z\" and "
	     "\"1970-01-01T00:00:32Z\"\n");
	assert_int_equal(findings(), 1);
}

/* --- text and bytes ------------------------------------------------------ */

static void
text_is_compared_by_line(void **state)
{
	static const char a[] = "one\ntwo\nthree\n", b[] = "one\n2\nthree\n";
	static const char c[] = "two\none\nthree\n", d[] = "one\ntwo\nthree";

	(void)state;
	compare(a, sizeof(a) - 1, b, sizeof(b) - 1);
	says("out, line 2, offset 4: line: \"two\" and \"2\"\n");
	assert_int_equal(findings(), 1);
	compare(a, sizeof(a) - 1, c, sizeof(c) - 1);
	says("out, line 1, offset 0: order: \"one\" and \"two\"\n");
	assert_int_equal(findings(), 1);
	compare(a, sizeof(a) - 1, d, sizeof(d) - 1);
	says("offset 13: bytes");
	compare(a, sizeof(a) - 1, a, sizeof(a) - 1);
	assert_int_equal(findings(), 0);
	assert_int_equal(words.len, 0);
}

static void
bytes_are_told_by_their_first_offset(void **state)
{
	char a[9000] = { 1 }, b[9000] = { 1 };

	(void)state;
	memcpy(a + 5000, "built Monday", 12);
	memcpy(b + 5000, "built Sunday", 12);
	compare(a, sizeof(a), b, sizeof(b));
	says("out, offset 5006: bytes: \"built Monday\" and \"built Sunday\"");
	compare(a, sizeof(a), a, sizeof(a) - 1);
	says("out: size: \"9000\" and \"8999\"");
	says("out, offset 8999: bytes: \"00\" and \"(its end)\"");
	compare(a, sizeof(a), "", 0);
	says("out: size: \"9000\" and \"0\"");
}

static void
an_output_that_one_side_lacks_is_told(void **state)
{
	auto_fd int fd = fd_of("x", 1);
	struct differ_pair v[] = { { "a", fd, -1 }, { "b", -1, fd } };

	(void)state;
	found = differ_compare(v, 2, &err);
	assert_non_null(found);
	differ_words(found, &words);
	assert_string_equal(words.data, "a: only-a\nb: only-b\n");
}

/* --- ELF ----------------------------------------------------------------- */

static void
elf_is_told_by_section_and_symbol(void **state)
{
	auto_buf struct buf a = BUF_INIT, b = BUF_INIT;
	char *at;

	(void)state;
	assert_int_equal(
	    file_read("/proc/self/exe", (size_t)256 << 20, &a, &err), 0);
	buf_add(&b, a.data, a.len);
	at = memmem(b.data, b.len, differ_marker, sizeof(differ_marker));
	assert_non_null(at);
	at[sizeof(differ_marker) - 2] = '1';
	compare_bufs(&a, &b);
	says("symbol differ_marker+0x20: bytes: \"the marker that a test "
	     "changes: 0\" and \"the marker that a test changes: 1\"");
	says("out > .rodata");
	assert_int_equal(findings(), 1);
}

/* --- erofs --------------------------------------------------------------- */

static void
put(int dir, const char *path, const char *text, int mode)
{
	assert_int_equal(
	    file_write_at(dir, path, text, strlen(text), (mode_t)mode, &err),
	    0);
}

/* The tree "t" as an image. */
static void
make_image(const char *uuid, struct buf *out)
{
	auto_free char *to = mem_printf("%s/image", scratch.path);
	auto_free char *from = mem_printf("%s/t", scratch.path);
	const char *argv[] = { "mkfs.erofs", "-T1577836800", "-U", uuid,
		"--all-root", to, from, NULL };

	if (spawn_run(argv, 60000, &err) == -1)
		fail_msg("%s", err.msg);
	buf_clear(out);
	assert_int_equal(
	    file_read_at(scratch.fd, "image", 8 << 20, out, &err), 0);
}

static void
erofs_images_are_read_without_their_tools(void **state)
{
#define UUID "00000000-0000-0000-0000-00000000000"
	auto_buf struct buf a = BUF_INIT, b = BUF_INIT, big = BUF_INIT;
	auto_fd int t = -1;

	(void)state;
	for (int i = 0; i < 3000; i++)
		buf_printf(&big, "line %d of a file in many blocks\n", i);
	t = dir_make_at(scratch.fd, "t", 0755, &err);
	assert_int_not_equal(t, -1);
	for (int i = 0; i < 300; i++) {
		char name[32];

		snprintf(name, sizeof(name), "many-%03d", i);
		put(t, name, "x", 0644);
	}
	put(t, "small", "before\n", 0644);
	put(t, "large", big.data, 0644);
	put(t, "mode", "", 0644);
	assert_int_equal(symlinkat("small", t, "link"), 0);
	make_image(UUID "1", &a);
	make_image(UUID "1", &b);
	compare_bufs(&a, &b);
	assert_int_equal(findings(), 0);
	make_image(UUID "2", &b);
	compare_bufs(&a, &b);
	says("out, offset 1072, superblock: uuid: "
	     "\"00000000000000000000000000000001\" and "
	     "\"00000000000000000000000000000002\"\n");
	assert_int_equal(findings(), 1);
	memcpy(big.data + big.len - 7, "BLOCKS\n", 7);
	put(t, "small", "after\n", 0644);
	put(t, "large", big.data, 0644);
	put(t, "mode", "", 0600);
	put(t, "new", "", 0644);
	assert_int_equal(unlinkat(t, "link", 0), 0);
	assert_int_equal(unlinkat(t, "many-150", 0), 0);
	assert_int_equal(symlinkat("large", t, "link"), 0);
	make_image(UUID "1", &b);
	compare_bufs(&a, &b);
	says("out > small, line 1, offset 0: line: \"before\" and \"after\"\n");
	says("out > large, line 3000, offset ");
	says("out > mode: mode: \"0644\" and \"0600\"\n");
	says("out > link: link: \"small\" and \"large\"\n");
	says("out > new: only-b");
	says("out > many-150: only-a");
	assert_int_equal(findings(), 6);
}

/* --- hostile ------------------------------------------------------------- */

static void
wrap_up(struct buf *b)
{
	auto_buf struct buf in = BUF_INIT;
	size_t used = 0, room = b->len + (64 << 10);
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();

	buf_add(&in, b->data, b->len);
	buf_clear(b);
	buf_reserve(b, room);
	archive_write_set_format_raw(a);
	archive_write_add_filter_gzip(a);
	archive_write_set_filter_option(a, "gzip", "timestamp", NULL);
	archive_write_set_bytes_in_last_block(a, 1);
	archive_write_open_memory(a, b->data, room, &used);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_pathname(e, "x");
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	assert_int_equal(
	    archive_write_data(a, in.data, in.len), (la_ssize_t)in.len);
	archive_entry_free(e);
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
	b->len = used;
}

static void
what_lies_too_deep_is_compared_by_its_bytes(void **state)
{
	auto_buf struct buf a = BUF_INIT, b = BUF_INIT;

	(void)state;
	buf_str(&a, "innermost a\n");
	buf_str(&b, "innermost b\n");
	for (int i = 0; i < DIFFER_DEPTH; i++) {
		wrap_up(&a);
		wrap_up(&b);
	}
	compare_bufs(&a, &b);
	says("line: \"innermost a\" and \"innermost b\"");
	assert_false(json_is_true(json_object_get(found, "cut")));
	wrap_up(&a);
	wrap_up(&b);
	compare_bufs(&a, &b);
	assert_null(strstr(words.data, "innermost"));
	says("bytes");
	says("(there is more)");
}

static void
a_bomb_is_not_unpacked(void **state)
{
	auto_buf struct buf a = BUF_INIT, b = BUF_INIT;
	auto_free char *zeros = mem_zero(1, DIFFER_INSIDE + 2);

	(void)state;
	zeros[0] = 'a';
	buf_add(&a, zeros, DIFFER_INSIDE + 1);
	zeros[0] = 'b';
	buf_add(&b, zeros, DIFFER_INSIDE + 1);
	wrap_up(&a);
	wrap_up(&b);
	compare_bufs(&a, &b);
	says("out, offset ");
	says("bytes");
	says("(there is more)");
}

static void
terminals_are_told_nothing_but_text(void **state)
{
	static const struct file a[] = { { "a\033[2J\n", "\033]0;x\007 one",
	    0644, 0, 0 } };
	static const struct file b[] = { { "a\033[2J\n", "\033]0;x\007 two",
	    0644, 0, 0 } };
	auto_buf struct buf ba = BUF_INIT, bb = BUF_INIT;

	(void)state;
	pack(&ba, archive_write_set_format_gnutar,
	    archive_write_add_filter_none, a, 1);
	pack(&bb, archive_write_set_format_gnutar,
	    archive_write_add_filter_none, b, 1);
	compare_bufs(&ba, &bb);
	says("a\\x1b[2J\\n");
	for (size_t i = 0; i < words.len; i++)
		assert_true(words.data[i] == '\n' ||
			    (words.data[i] >= 0x20 && words.data[i] < 0x7f));
}

static void
more_than_the_limit_is_cut(void **state)
{
	struct file *v = mem_zero(400, sizeof(*v));
	char names[400][24];
	auto_buf struct buf a = BUF_INIT, b = BUF_INIT;

	(void)state;
	for (int i = 0; i < 400; i++) {
		snprintf(names[i], sizeof(names[i]), "f%03d", i);
		v[i] = (struct file){ names[i], "x", 0644, 0, 0 };
	}
	pack(&a, archive_write_set_format_gnutar, archive_write_add_filter_none,
	    v, 400);
	for (int i = 0; i < 400; i++)
		v[i].content = "y";
	pack(&b, archive_write_set_format_gnutar, archive_write_add_filter_none,
	    v, 400);
	compare_bufs(&a, &b);
	assert_int_equal(findings(), DIFFER_FINDINGS);
	says("(there is more)");
	free(v);
}

int
main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_teardown(name, after)
	const struct CMUnitTest tests[] = {
		T(archives_are_compared_member_by_member),
		T(layers_are_taken_off),
		T(a_member_that_one_side_lacks_and_an_order_are_told),
		T(the_time_in_a_gzip_header_is_told),
		T(text_is_compared_by_line),
		T(bytes_are_told_by_their_first_offset),
		T(an_output_that_one_side_lacks_is_told),
		T(elf_is_told_by_section_and_symbol),
		T(erofs_images_are_read_without_their_tools),
		T(what_lies_too_deep_is_compared_by_its_bytes),
		T(a_bomb_is_not_unpacked),
		T(terminals_are_told_nothing_but_text),
		T(more_than_the_limit_is_cut),
	};

	if (argc == 3 && strcmp(argv[1], "-x") == 0)
		return differ_main();
	buf_init(&words);
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
