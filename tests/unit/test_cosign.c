/* kiln/signature: a detached signature on its way to the collector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cosign.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

static const char path[] = "tests/golden/signature.json";

/* The same on every machine: Ed25519 signatures are. */
static struct cosign
example(void)
{
	struct cosign c = { .role = "svc-dns-dhcp", .version = 7 };
	struct sig_seed seed;

	for (size_t i = 0; i < sizeof(seed.b); i++)
		seed.b[i] = (uint8_t)i;
	hash_bytes(&c.content, "bytes", 5);
	sig_public_of(&seed, &c.key);
	sig_sign(&seed, "bytes", 5, &c.sig);
	return c;
}

static void
it_is_written_as_the_golden_file_and_read_from_it(void **state)
{
	auto_buf struct buf want = BUF_INIT, got = BUF_INIT;
	struct cosign c = example(), again;
	struct err err = ERR_INIT;

	(void)state;
	cosign_write(&c, &got);
	assert_int_equal(file_read(path, COSIGN_MAX, &want, &err), 0);
	assert_string_equal(got.data, want.data);
	assert_int_equal(cosign_read(&again, want.data, want.len, &err), 0);
	assert_string_equal(again.role, c.role);
	assert_int_equal(again.version, c.version);
	assert_memory_equal(&again.content, &c.content, sizeof(c.content));
	assert_memory_equal(&again.key, &c.key, sizeof(c.key));
	assert_memory_equal(&again.sig, &c.sig, sizeof(c.sig));
	assert_true(sig_verify(&again.key, "bytes", 5, &again.sig));
}

static void
refused(const char *from, const char *to)
{
	auto_buf struct buf text = BUF_INIT, bad = BUF_INIT;
	struct cosign c = example();
	struct err err = ERR_INIT;
	const char *at;

	cosign_write(&c, &text);
	at = strstr(text.data, from);
	assert_non_null(at);
	buf_add(&bad, text.data, (size_t)(at - text.data));
	buf_str(&bad, to);
	buf_str(&bad, at + strlen(from));
	if (cosign_read(&c, bad.data, bad.len, &err) == 0)
		fail_msg("taken: %s", bad.data);
	assert_int_equal(err.cls, ERR_INPUT);
}

static void
anything_else_is_refused(void **state)
{
	auto_free char *zeros = mem_zero(1, COSIGN_MAX + 2);
	struct err err = ERR_INIT;
	struct cosign c;

	(void)state;
	refused("\"v\":1", "\"v\":2");
	refused("kiln/signature", "kiln/report");
	refused("\"version\":7", "\"version\":0");
	refused("\"version\":7", "\"version\":7,\"version\":7");
	refused("\"version\":7", "\"version\":7,\"more\":7");
	refused("\"version\":7", "\"version\":7.0");
	refused("svc-dns-dhcp", "../svc-dns-dhcp");
	refused("svc-dns-dhcp",
	    "svc-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	refused("\"key\":\"0", "\"key\":\"A");
	refused("\"key\":\"", "\"key\":\"00");
	refused("\"sig\":\"", "\"sig\":\"00");
	memset(zeros, ' ', COSIGN_MAX + 1);
	assert_int_equal(cosign_read(&c, zeros, COSIGN_MAX + 1, &err), -1);
}

static void
a_key_of_small_order_is_refused(void **state)
{
	auto_buf struct buf text = BUF_INIT;
	struct cosign c = example();
	struct err err = ERR_INIT;

	(void)state;
	memset(c.key.b, 0, sizeof(c.key.b));
	c.key.b[0] = 1; /* the neutral element: any S fits some R under it */
	cosign_write(&c, &text);
	assert_int_equal(cosign_read(&c, text.data, text.len, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    it_is_written_as_the_golden_file_and_read_from_it),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(a_key_of_small_order_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
