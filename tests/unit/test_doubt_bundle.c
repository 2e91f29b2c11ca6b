/* rooms: builder/doubt/bundle.c builder/doubt/bundle_take.c */
/* A bundle is what its list says, to the last byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/doubt/bundle.h"
#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/own.h"
#include "tests/support/scratch.h"

static struct store *made, *taken;
static struct hash first, second;
static struct buf whole = BUF_INIT; /* of a good bundle */
static struct err err;

static struct store *
new_store(const char *name)
{
	auto_fd int fd = dir_make_at(scratch.fd, name, 0755, &err);

	return fd == -1 ? NULL : store_open(fd, &err);
}

static void
text(struct bundle *b, const char *name, const char *s)
{
	auto_buf struct buf t = BUF_INIT;

	buf_str(&t, s);
	bundle_add_text(b, name, &t);
}

static void
fill(struct bundle *b, bool backwards)
{
	struct hash v[] = { first, second };

	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
		    bundle_add_blob(b, made, &v[backwards ? 1 - i : i], &err),
		    0);
	assert_int_equal(bundle_add_blob(b, made, &first, &err), 0);
	text(b, "metadata/timestamp.json", "{}");
	text(b, "metadata/1.root.json", "{\"a\":1}");
	text(b, BUNDLE_ORIGIN, "{\"kind\":\"kiln/origin\"}");
}

static void
write_one(bool backwards, struct buf *out)
{
	auto_bundle struct bundle b = BUNDLE_INIT;
	auto_fd int fd = memfd_create("bundle", MFD_CLOEXEC);

	fill(&b, backwards);
	if (bundle_write(&b, made, fd, &err) == -1)
		fail_msg("%s", err.msg);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	buf_clear(out);
	assert_int_equal(fd_read_all(fd, 1 << 20, out, &err), 0);
}

static int
setup(void **state)
{
	static char block[700];

	if (scratch_setup(state) != 0)
		return -1;
	made = new_store("made");
	taken = new_store("taken");
	memset(block, 'x', sizeof(block));
	if (!made || !taken ||
	    store_put_bytes(made, block, sizeof(block), &first, &err) == -1 ||
	    store_put_bytes(made, block, 512, &second, &err) == -1)
		return -1;
	write_one(false, &whole);
	return 0;
}

static int
teardown(void **state)
{
	store_free(made);
	store_free(taken);
	buf_release(&whole);
	return scratch_teardown(state);
}

static int
take(const void *bytes, size_t n)
{
	auto_bundle struct bundle b = BUNDLE_INIT;
	auto_fd int fd = memfd_create("bundle", MFD_CLOEXEC);

	err = (struct err)ERR_INIT;
	assert_int_equal(fd_write_all(fd, bytes, n, &err), 0);
	return bundle_take(&b, fd, taken, scratch.fd, &err);
}

static void
a_bundle_comes_out_as_it_went_in(void **state)
{
	auto_bundle struct bundle b = BUNDLE_INIT;
	auto_fd int fd = memfd_create("bundle", MFD_CLOEXEC);
	auto_buf struct buf out = BUF_INIT;
	int status;

	(void)state;
	assert_int_equal(fd_write_all(fd, whole.data, whole.len, &err), 0);
	if (bundle_take(&b, fd, taken, scratch.fd, &err) == -1)
		fail_msg("%s", err.msg);
	assert_int_equal(b.n, 5);
	assert_string_equal(b.origin.data, "{\"kind\":\"kiln/origin\"}");
	assert_true(store_has(taken, &first));
	assert_true(store_has(taken, &second));
	assert_int_equal(
	    bundle_metadata(&b, "/1.root.json", 100, &out, &status, &err), 0);
	assert_int_equal(status, 200);
	assert_string_equal(out.data, "{\"a\":1}");
	assert_int_equal(
	    bundle_metadata(&b, "2.root.json", 100, &out, &status, &err), 0);
	assert_int_equal(status, 404);
	assert_int_equal(
	    bundle_metadata(&b, "1.root.json", 3, &out, &status, &err), -1);
}

static void
the_same_artifacts_give_the_same_bytes(void **state)
{
	auto_buf struct buf again = BUF_INIT;

	(void)state;
	write_one(true, &again);
	assert_int_equal(again.len, whole.len);
	assert_memory_equal(again.data, whole.data, whole.len);
}

/* Every byte, in turns: each run of this test takes another part. */
static void
one_flipped_byte_anywhere_is_refused_by_name(void **state)
{
	size_t from = (size_t)getpid() % 5;

	(void)state;
	print_message("every fifth byte from %zu\n", from);
	for (size_t i = from; i < whole.len; i += 5) {
		whole.data[i] ^= 1;
		if (take(whole.data, whole.len) != -1)
			fail_msg("byte %zu of %zu is not missed", i, whole.len);
		if (err.cls != ERR_TRUST && i >= BUNDLE_BLOCK)
			fail_msg("byte %zu: %s", i, err.msg);
		if (!strstr(err.msg, "blobs/") &&
		    !strstr(err.msg, "metadata/") &&
		    !strstr(err.msg, "origin.json") &&
		    !strstr(err.msg, "bundle.json") &&
		    !strstr(err.msg, "its end") &&
		    !strstr(err.msg, "is no bundle"))
			fail_msg("byte %zu: no name in: %s", i, err.msg);
		whole.data[i] ^= 1;
	}
	assert_int_equal(take(whole.data, whole.len), 0);
}

static void
a_flip_names_the_member_it_is_in(void **state)
{
	char hex[HASH_HEX];
	char *at = memmem(whole.data, whole.len, "xxxxxxxx", 8);
	char *root = memmem(whole.data, whole.len, "{\"a\":1}", 7);

	(void)state;
	assert_non_null(at);
	*at ^= 1;
	assert_int_equal(take(whole.data, whole.len), -1);
	*at ^= 1;
	hash_hex(&first, hex);
	if (!strstr(err.msg, hex)) {
		hash_hex(&second, hex);
		assert_non_null(strstr(err.msg, hex));
	}
	assert_non_null(root);
	root[5] ^= 1;
	assert_int_equal(take(whole.data, whole.len), -1);
	root[5] ^= 1;
	assert_string_equal(err.msg,
	    "bundle: metadata/1.root.json: its bytes are not what the list "
	    "says");
	assert_int_equal(err_exit(&err), EXIT_TRUST);
}

static void
a_cut_or_longer_file_is_refused(void **state)
{
	auto_buf struct buf more = BUF_INIT;

	(void)state;
	for (size_t n = 0; n < whole.len; n += 509)
		assert_int_equal(take(whole.data, n), -1);
	buf_add(&more, whole.data, whole.len);
	buf_char(&more, '\0');
	assert_int_equal(take(more.data, more.len), -1);
	assert_int_equal(take("hello", 5), -1);
}

/* Writes a list of its own, and the members behind it. */
static int
take_list(const char *name, const char *sha256, int64_t size)
{
	auto_json json_t *j = js_record_new("kiln/bundle", 1);
	json_t *list = json_array(), *one = json_object();
	auto_buf struct buf b = BUF_INIT, index = BUF_INIT;
	char header[BUNDLE_BLOCK];

	js_set_str(one, "name", name);
	js_set_str(one, "sha256", sha256);
	js_set_int(one, "size", size);
	json_array_append_new(list, one);
	js_set(j, "members", list);
	assert_int_equal(canon_json(j, &index, &err), 0);
	assert_int_equal(
	    bundle_header(BUNDLE_INDEX, (int64_t)index.len, header, &err), 0);
	buf_add(&b, header, sizeof(header));
	buf_add(&b, index.data, index.len);
	while (b.len % BUNDLE_BLOCK)
		buf_char(&b, '\0');
	return take(b.data, b.len);
}

static void
what_does_not_belong_in_a_bundle_is_refused(void **state)
{
	static const char hex[] = "00112233445566778899aabbccddeeff"
				  "00112233445566778899aabbccddeeff";

	(void)state;
	assert_int_equal(take_list("../etc/passwd", hex, 1), -1);
	assert_non_null(strstr(err.msg, "nothing that belongs there"));
	assert_int_equal(take_list("metadata/../x", hex, 1), -1);
	assert_int_equal(take_list("blobs/x", hex, 1), -1);
	assert_int_equal(take_list("blobs/11112233445566778899aabbccddeeff"
				   "00112233445566778899aabbccddeeff",
			     hex, 1),
	    -1);
	assert_non_null(strstr(err.msg, "nothing that belongs there"));
	assert_int_equal(take_list("origin.json", hex, (int64_t)1 << 30), -1);
	assert_non_null(strstr(err.msg, "at most"));
	assert_int_equal(take_list("origin.json", "12", 1), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bundle_comes_out_as_it_went_in),
		cmocka_unit_test(the_same_artifacts_give_the_same_bytes),
		cmocka_unit_test(one_flipped_byte_anywhere_is_refused_by_name),
		cmocka_unit_test(a_flip_names_the_member_it_is_in),
		cmocka_unit_test(a_cut_or_longer_file_is_refused),
		cmocka_unit_test(what_does_not_belong_in_a_bundle_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
