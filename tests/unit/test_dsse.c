/* rooms: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/dsse.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/tuf.h"

static struct err err;

/* The example of the specification (DSSE, protocol.md, "Test Vectors"). */
static void
pae_is_that_of_the_specification(void **state)
{
	auto_buf struct buf got = BUF_INIT, none = BUF_INIT;

	(void)state;
	dsse_pae("http://example.com/HelloWorld", "hello world", 11, &got);
	assert_string_equal(
	    got.data, "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
	dsse_pae("", "", 0, &none);
	assert_string_equal(none.data, "DSSEv1 0  0 ");
}

static void
pae_counts_bytes_whatever_they_are(void **state)
{
	auto_buf struct buf got = BUF_INIT;

	(void)state;
	dsse_pae("t", "\0\xc3\xa9", 3, &got);
	assert_int_equal(got.len, strlen("DSSEv1 1 t 3 ") + 3);
	assert_memory_equal(got.data, "DSSEv1 1 t 3 \0\xc3\xa9", got.len);
}

static void
make(const char *type, const struct buf *body, struct sig_public *key,
    struct buf *out)
{
	struct dsse_signature s[2];
	auto_buf struct buf pae = BUF_INIT;
	struct sig_seed seed;

	dsse_pae(type, body->data, body->len, &pae);
	for (int i = 0; i < 2; i++) {
		sig_keypair(&seed, &s[i].key);
		sig_sign(&seed, pae.data, pae.len, &s[i].sig);
	}
	*key = s[1].key;
	dsse_envelope(type, body->data, body->len, s, 2, out);
}

static void
statement(struct buf *out)
{
	if (file_read("tests/golden/attestation-reproduction.json", 1 << 20,
		out, &err) == -1)
		fail_msg("%s", err.msg);
}

static void
each_signer_of_an_envelope_opens_it(void **state)
{
	auto_buf struct buf body = BUF_INIT, text = BUF_INIT, got = BUF_INIT;
	struct sig_public key;
	struct sig_seed other;
	char keyid[HASH_HEX];

	(void)state;
	statement(&body);
	make(DSSE_INTOTO, &body, &key, &text);
	if (dsse_open(DSSE_INTOTO, &key, text.data, text.len, &got, &err) == -1)
		fail_msg("%s", err.msg);
	assert_string_equal(got.data, body.data);
	tuf_keyid(&key, keyid);
	assert_non_null(strstr(text.data, keyid));
	assert_int_equal(
	    dsse_open("text/plain", &key, text.data, text.len, &got, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	sig_keypair(&other, &key);
	assert_int_equal(
	    dsse_open(DSSE_INTOTO, &key, text.data, text.len, &got, &err), -1);
	assert_int_equal(err.cls, ERR_TRUST);
}

/* Nothing is accepted with another content, whichever byte it is. */
static void
a_changed_byte_breaks_the_signature(void **state)
{
	auto_buf struct buf body = BUF_INIT, text = BUF_INIT, got = BUF_INIT;
	struct sig_public key;
	size_t end;

	(void)state;
	statement(&body);
	make(DSSE_INTOTO, &body, &key, &text);
	end = (size_t)(strstr(text.data, "\",\"payloadType") - text.data);
	for (size_t i = strlen("{\"payload\":\""); i < end; i++) {
		char was = text.data[i];

		text.data[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(dsse_open(DSSE_INTOTO, &key, text.data,
				     text.len, &got, &err),
		    -1);
		text.data[i] = was;
	}
	assert_int_equal(
	    dsse_open(DSSE_INTOTO, &key, text.data, text.len, &got, &err), 0);
}

static void
what_is_no_envelope_is_refused(void **state)
{
	static const char *const bad[] = { "", "[]", "{}",
		"{\"payload\":\"!\",\"payloadType\":\"" DSSE_INTOTO
		"\",\"signatures\":[]}",
		"{\"payload\":\"\",\"payloadType\":\"" DSSE_INTOTO
		"\",\"signatures\":[]}",
		"{\"payload\":\"\",\"payloadType\":\"" DSSE_INTOTO
		"\",\"signatures\":[{\"sig\":\"AA==\"}]}",
		"{\"payload\":\"\",\"payloadType\":\"" DSSE_INTOTO
		"\",\"signatures\":[7]}" };
	auto_buf struct buf got = BUF_INIT;
	struct sig_public key;
	struct sig_seed seed;

	(void)state;
	sig_keypair(&seed, &key);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(dsse_open(DSSE_INTOTO, &key, bad[i],
				     strlen(bad[i]), &got, &err),
		    -1);
	assert_int_equal(got.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pae_is_that_of_the_specification),
		cmocka_unit_test(pae_counts_bytes_whatever_they_are),
		cmocka_unit_test(each_signer_of_an_envelope_opens_it),
		cmocka_unit_test(a_changed_byte_breaks_the_signature),
		cmocka_unit_test(what_is_no_envelope_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
