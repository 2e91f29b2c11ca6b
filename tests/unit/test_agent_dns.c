/* rooms: router-agent/change/dns.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "router-agent/change/dns.h"

static const struct dns_question ask = { "router.lan", DNS_A, 0x1234 };

/* Header, the question, then what the test adds. */
static void
head(struct buf *b, unsigned flags, unsigned an, unsigned ns)
{
	const unsigned char h[] = { 0x12, 0x34, (unsigned char)(flags >> 8),
		(unsigned char)flags, 0, 1, 0, (unsigned char)an, 0,
		(unsigned char)ns, 0, 0 };

	buf_clear(b);
	buf_add(b, h, sizeof(h));
	buf_add(b, "\6router\3lan\0\0\1\0\1", 16);
}

/* A record of the name at offset 12. */
static void
record(struct buf *b, unsigned type, const void *data, size_t n)
{
	const unsigned char h[] = { 0xc0, 12, 0, (unsigned char)type, 0, 1, 0,
		0, 0, 60, (unsigned char)(n >> 8), (unsigned char)n };

	buf_add(b, h, sizeof(h));
	buf_add(b, data, n);
}

static int
parse(const struct buf *b, struct dns_answer *a)
{
	struct err err = ERR_INIT;

	return dns_parse(&ask, (const uint8_t *)b->data, b->len, a, &err);
}

static void
a_query_is_one_question_with_recursion_desired(void **state)
{
	uint8_t out[DNS_QUERY];
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(dns_query(&ask, out, &err), 28);
	assert_memory_equal(
	    out, "\x12\x34\1\0\0\1\0\0\0\0\0\0\6router\3lan\0\0\1\0\1", 28);
}

static void
names_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = { "", ".", "a..b", "a.", ".a", "a b",
		"0123456789012345678901234567890123456789012345678901234567890"
		"123" };
	struct dns_question q = ask;
	uint8_t out[DNS_QUERY];
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(q.name, bad[i], strlen(bad[i]) + 1);
		assert_int_equal(dns_query(&q, out, &err), -1);
	}
}

static void
an_address_is_read(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct dns_answer a;

	(void)state;
	head(&b, 0x8580, 1, 0);
	record(&b, DNS_A, "\300\0\2\65", 4);
	assert_int_equal(parse(&b, &a), 0);
	assert_int_equal(a.rcode, DNS_NOERROR);
	assert_int_equal(a.n, 1);
	assert_string_equal(a.records[0].text, "192.0.2.53");
}

static void
an_alias_leads_to_its_address(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct dns_answer a;

	(void)state;
	head(&b, 0x8580, 2, 0);
	record(&b, DNS_CNAME, "\2gw\300\23", 5); /* gw.lan, .lan at 19 */
	buf_add(&b, "\2gw\300\23\0\1\0\1\0\0\0\74\0\4\300\0\2\1", 19);
	assert_int_equal(parse(&b, &a), 0);
	assert_int_equal(a.n, 1);
	assert_string_equal(a.records[0].text, "192.0.2.1");
}

static void
nxdomain_with_an_authority_is_read(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct dns_answer a;

	(void)state;
	head(&b, 0x8183, 0, 1);
	record(&b, 6, "\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", 22);
	assert_int_equal(parse(&b, &a), 0);
	assert_int_equal(a.rcode, DNS_NXDOMAIN);
	assert_int_equal(a.n, 0);
}

static void
a_text_is_tamed(void **state)
{
	struct dns_question q = ask;
	auto_buf struct buf b = BUF_INIT;
	struct dns_answer a;
	struct err err = ERR_INIT;

	(void)state;
	q.type = DNS_TXT;
	head(&b, 0x8580, 1, 0);
	b.data[b.len - 3] = DNS_TXT;
	record(&b, DNS_TXT, "\4a\nb\177", 5);
	assert_int_equal(
	    dns_parse(&q, (const uint8_t *)b.data, b.len, &a, &err), 0);
	assert_string_equal(a.records[0].text, "a?b?");
}

static void
answers_to_other_questions_are_refused(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct dns_answer a;

	(void)state;
	head(&b, 0x8580, 0, 0);
	assert_int_equal(parse(&b, &a), 0);
	b.data[0] = 0x13; /* id */
	assert_int_equal(parse(&b, &a), -1);
	head(&b, 0x0100, 0, 0); /* a query */
	assert_int_equal(parse(&b, &a), -1);
	head(&b, 0x8580, 0, 0);
	b.data[13] = 'x'; /* name */
	assert_int_equal(parse(&b, &a), -1);
	head(&b, 0x8580, 0, 0);
	b.data[b.len - 3] = DNS_AAAA;
	assert_int_equal(parse(&b, &a), -1);
	head(&b, 0x8580, 0, 0);
	b.data[5] = 0; /* no question at all */
	assert_int_equal(parse(&b, &a), -1);
}

static void
a_pointer_that_does_not_lead_back_is_refused(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct dns_answer a;

	(void)state;
	for (unsigned to = 28; to < 44; to++) {
		head(&b, 0x8580, 1, 0);
		record(&b, DNS_A, "\300\0\2\65", 4);
		b.data[29] = (char)to; /* at itself, and behind */
		assert_int_equal(parse(&b, &a), -1);
	}
	head(&b, 0x8580, 1, 0);
	record(&b, DNS_A, "\300\0\2\65", 4);
	b.data[29] = 4; /* into the header */
	assert_int_equal(parse(&b, &a), -1);
}

static void
trailing_bytes_and_wrong_lengths_are_refused(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct dns_answer a;

	(void)state;
	head(&b, 0x8580, 1, 0);
	record(&b, DNS_A, "\300\0\2\65", 4);
	buf_char(&b, 'x');
	assert_int_equal(parse(&b, &a), -1);
	head(&b, 0x8580, 1, 0);
	record(&b, DNS_A, "\300\0\2", 3);
	assert_int_equal(parse(&b, &a), -1);
	head(&b, 0x8580, 1, 0);
	record(&b, DNS_CNAME, "\2gw\300\23x", 6);
	assert_int_equal(parse(&b, &a), -1);
}

static void
every_cut_of_an_answer_is_refused(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct dns_answer a;
	size_t whole;

	(void)state;
	head(&b, 0x8580, 2, 0);
	record(&b, DNS_CNAME, "\2gw\300\23", 5);
	buf_add(&b, "\2gw\300\23\0\1\0\1\0\0\0\74\0\4\300\0\2\1", 19);
	whole = b.len;
	for (size_t n = 0; n < whole; n++) {
		b.len = n;
		assert_int_equal(parse(&b, &a), -1);
	}
}

static void
a_flood_of_records_is_refused(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct dns_answer a;

	(void)state;
	head(&b, 0x8580, 30, 0);
	for (int i = 0; i < 30; i++)
		record(&b, DNS_A, "\300\0\2\65", 4);
	assert_int_equal(parse(&b, &a), -1);
	head(&b, 0x8580, 255, 255);
	assert_int_equal(parse(&b, &a), -1);
}

/* Whatever one byte is changed to, nothing but an answer or an error. */
static void
no_changed_byte_does_harm(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct dns_answer a;

	(void)state;
	head(&b, 0x8580, 2, 0);
	record(&b, DNS_CNAME, "\2gw\300\23", 5);
	buf_add(&b, "\2gw\300\23\0\1\0\1\0\0\0\74\0\4\300\0\2\1", 19);
	for (size_t i = 0; i < b.len; i++)
		for (int v = 0; v < 256; v++) {
			char was = b.data[i];

			b.data[i] = (char)v;
			(void)!parse(&b, &a);
			b.data[i] = was;
		}
}

static void
a_truncated_answer_says_so(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct dns_answer a;

	(void)state;
	head(&b, 0x8780, 1, 0);
	assert_int_equal(parse(&b, &a), 0);
	assert_true(a.truncated);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_query_is_one_question_with_recursion_desired),
		cmocka_unit_test(names_that_are_none_are_refused),
		cmocka_unit_test(an_address_is_read),
		cmocka_unit_test(an_alias_leads_to_its_address),
		cmocka_unit_test(nxdomain_with_an_authority_is_read),
		cmocka_unit_test(a_text_is_tamed),
		cmocka_unit_test(answers_to_other_questions_are_refused),
		cmocka_unit_test(a_pointer_that_does_not_lead_back_is_refused),
		cmocka_unit_test(trailing_bytes_and_wrong_lengths_are_refused),
		cmocka_unit_test(every_cut_of_an_answer_is_refused),
		cmocka_unit_test(a_flood_of_records_is_refused),
		cmocka_unit_test(no_changed_byte_does_harm),
		cmocka_unit_test(a_truncated_answer_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
