/* rooms: tuf-repo */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "lib/fdio.h"
#include "tests/support/scratch.h"
#include "tuf-repo/keyfile.h"
#include "tuf-repo/keyring.h"
#include "tuf-repo/keysign.h"

static struct {
	struct err err;
} tf;

#define TF_OK(call)                                            \
	do {                                                   \
		if ((call) == -1)                              \
			fail_msg("%s: %s", #call, tf.err.msg); \
	} while (0)

static struct secret right = SECRET_INIT, wrong = SECRET_INIT;

static void
set_secret(struct secret *s, const char *text)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
	close(ends[1]);
	TF_OK(secret_read(s, ends[0], &tf.err));
	close(ends[0]);
}

static int
setup(void **state)
{
	memset(&tf, 0, sizeof(tf));
	set_secret(&right, "correct horse\n");
	set_secret(&wrong, "battery staple");
	return scratch_setup(state);
}

static int
teardown(void **state)
{
	secret_release(&right);
	secret_release(&wrong);
	return scratch_teardown(state);
}

static void
make(const char *name, const struct secret *pass, struct sig_public *pub)
{
	TF_OK(key_make(
	    scratch.fd, name, pass, (uid_t)-1, (gid_t)-1, pub, &tf.err));
}

static int
load(const char *name, const struct secret *pass, struct sig_seed *seed)
{
	err_clear(&tf.err);
	return key_load(scratch.fd, name, pass, seed, &tf.err);
}

static void
bytes_of(const char *file, struct buf *b)
{
	buf_clear(b);
	TF_OK(file_read_at(scratch.fd, file, 4096, b, &tf.err));
}

static void
put(const char *file, const void *p, size_t n)
{
	TF_OK(file_write_at(scratch.fd, file, p, n, 0400, &tf.err));
}

static void
an_encrypted_key_opens_with_its_passphrase_alone(void **state)
{
	auto_buf struct buf file = BUF_INIT;
	struct sig_public pub, again;
	struct sig_seed seed, none;
	enum key_form form;

	(void)state;
	memset(&none, 0, sizeof(none));
	make("root-1", &right, &pub);
	assert_int_equal(load("root-1", &right, &seed), 0);
	sig_public_of(&seed, &again);
	assert_memory_equal(&pub, &again, sizeof(pub));
	bytes_of("root-1.key", &file);
	assert_null(memmem(file.data, file.len, seed.b, sizeof(seed.b)));
	assert_memory_equal(file.data, "kiln-key 1 argon2id 3 67108864\n", 31);
	assert_int_equal(load("root-1", &wrong, &seed), -1);
	assert_int_equal(tf.err.cls, ERR_TRUST);
	assert_memory_equal(&seed, &none, sizeof(seed));
	assert_int_equal(load("root-1", NULL, &seed), -1);
	assert_int_equal(tf.err.cls, ERR_INPUT);
	assert_string_equal(tf.err.msg,
	    "key root-1: it is encrypted and there is no passphrase");
	TF_OK(key_form_of(scratch.fd, "root-1", &form, &tf.err));
	assert_int_equal(form, KEY_SEALED);
	assert_true(key_any_sealed(scratch.fd));
}

static void
a_key_without_passphrase_is_marked_demo(void **state)
{
	auto_buf struct buf file = BUF_INIT;
	struct sig_public pub;
	struct sig_seed seed;
	enum key_form form;

	(void)state;
	make("brake", NULL, &pub);
	bytes_of("brake.key", &file);
	assert_int_equal(file.len, 16 + 32);
	assert_memory_equal(file.data, "kiln-key 1 demo\n", 16);
	assert_int_equal(load("brake", NULL, &seed), 0);
	assert_memory_equal(file.data + 16, seed.b, 32);
	TF_OK(key_form_of(scratch.fd, "brake", &form, &tf.err));
	assert_int_equal(form, KEY_DEMO);
	assert_false(key_any_sealed(scratch.fd));
}

static void
a_key_of_the_first_release_is_read_as_demo(void **state)
{
	struct sig_seed seed, again;
	struct sig_public pub;
	enum key_form form;

	(void)state;
	sig_keypair(&seed, &pub);
	put("old.key", seed.b, sizeof(seed.b));
	assert_int_equal(load("old", &right, &again), 0);
	assert_memory_equal(&seed, &again, sizeof(seed));
	TF_OK(key_form_of(scratch.fd, "old", &form, &tf.err));
	assert_int_equal(form, KEY_DEMO);
}

static void
a_changed_key_file_is_refused(void **state)
{
	auto_buf struct buf file = BUF_INIT;
	struct sig_public pub;
	struct sig_seed seed;

	(void)state;
	make("root-1", &right, &pub);
	bytes_of("root-1.key", &file);
	/* every part: header, costs, salt, nonce, tag, seed */
	for (size_t i = 0; i < file.len; i += 7) {
		char was = file.data[i];

		file.data[i] = (char)(was ^ 1);
		unlinkat(scratch.fd, "root-1.key", 0);
		put("root-1.key", file.data, file.len);
		file.data[i] = was;
		assert_int_equal(load("root-1", &right, &seed), -1);
		assert_int_equal(tf.err.cls, ERR_TRUST);
	}
	for (size_t n = 0; n < file.len; n += 11) {
		unlinkat(scratch.fd, "root-1.key", 0);
		put("root-1.key", file.data, n == 32 ? 31 : n);
		assert_int_equal(load("root-1", &right, &seed), -1);
		assert_int_equal(tf.err.cls, ERR_TRUST);
	}
	/* costs that would take the machine down */
	unlinkat(scratch.fd, "root-1.key", 0);
	buf_clear(&file);
	buf_str(&file, "kiln-key 1 argon2id 3 99999999999\n");
	for (int i = 0; i < 88; i++)
		buf_char(&file, 'x');
	put("root-1.key", file.data, file.len);
	assert_int_equal(load("root-1", &right, &seed), -1);
	assert_int_equal(tf.err.cls, ERR_TRUST);
}

static void
making_a_key_again_keeps_it(void **state)
{
	struct sig_public pub, again;
	struct sig_seed seed;

	(void)state;
	make("root-1", &right, &pub);
	make("root-1", &right, &again);
	assert_memory_equal(&pub, &again, sizeof(pub));
	sig_keypair(&seed, &again);
	assert_int_equal(key_write(scratch.fd, "root-1", &seed, NULL, (uid_t)-1,
			     (gid_t)-1, &tf.err),
	    -1);
	assert_int_equal(tf.err.cls, ERR_INPUT);
}

static void
generations_never_take_a_name_again(void **state)
{
	char name[KEY_NAME_MAX];
	struct sig_public pub;

	(void)state;
	make("timestamp", NULL, &pub);
	TF_OK(key_next_generation(scratch.fd, "timestamp", name, &tf.err));
	assert_string_equal(name, "timestamp-2");
	make(name, NULL, &pub);
	assert_int_equal(unlinkat(scratch.fd, "timestamp.key", 0), 0);
	TF_OK(key_next_generation(scratch.fd, "timestamp", name, &tf.err));
	assert_string_equal(name, "timestamp-3");
	assert_true(key_is_generation("timestamp", "timestamp"));
	assert_true(key_is_generation("timestamp-12", "timestamp"));
	assert_false(key_is_generation("timestamp-", "timestamp"));
	assert_false(key_is_generation("timestamp-x", "timestamp"));
	assert_false(key_is_generation("timestamps", "timestamp"));
}

static void
passphrases_have_a_form(void **state)
{
	static const char *const bad[] = { "", "\n" };
	struct secret s = SECRET_INIT;
	char path[400];
	struct secret_source src = SECRET_SOURCE_INIT;
	int fd;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		put("bad", bad[i], strlen(bad[i]));
		fd = openat(scratch.fd, "bad", O_RDONLY);
		assert_int_equal(secret_read(&s, fd, &tf.err), -1);
		assert_int_equal(tf.err.cls, ERR_INPUT);
		close(fd);
		unlinkat(scratch.fd, "bad", 0);
	}
	snprintf(path, sizeof(path), "%s/pass", scratch.path);
	put("pass", "secret\n", 7);
	src.file = path;
	TF_OK(secret_get(&s, &src, "x", false, &tf.err));
	assert_int_equal(s.n, 6);
	assert_int_equal(fchmodat(scratch.fd, "pass", 0440, 0), 0);
	assert_int_equal(secret_get(&s, &src, "x", false, &tf.err), -1);
	assert_int_equal(tf.err.cls, ERR_TRUST);
	/* systemd's way */
	assert_int_equal(fchmodat(scratch.fd, "pass", 0400, 0), 0);
	assert_int_equal(
	    renameat(scratch.fd, "pass", scratch.fd, "kiln-tuf.passphrase"), 0);
	setenv("CREDENTIALS_DIRECTORY", scratch.path, 1);
	src.file = NULL;
	TF_OK(secret_get(&s, &src, "x", false, &tf.err));
	assert_int_equal(s.n, 6);
	unsetenv("CREDENTIALS_DIRECTORY");
	secret_release(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_encrypted_key_opens_with_its_passphrase_alone),
		TEST(a_key_without_passphrase_is_marked_demo),
		TEST(a_key_of_the_first_release_is_read_as_demo),
		TEST(a_changed_key_file_is_refused),
		TEST(making_a_key_again_keeps_it),
		TEST(generations_never_take_a_name_again),
		TEST(passphrases_have_a_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
