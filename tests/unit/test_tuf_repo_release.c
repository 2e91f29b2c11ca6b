/* rooms: tuf-repo */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/tuf_read.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/release.h"
#include "tuf-repo/service.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C64 "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static struct err err;

/* docs/formats.md */
static const char example[] =
    "{\"kind\":\"kiln/release\",\"v\":1,\"service\":\"dns-dhcp\","
    "\"recipe\":\"dns-dhcp\",\"arch\":\"amd64\","
    "\"version\":\"2.90-4~deb12u1\",\"plan\":\"" A64 "\",\"verdict\":\"" B64
    "\",\"targets\":[{\"sha256\":\"" C64
    "\",\"size\":5242880,\"custom\":{\"type\":\"vm\","
    "\"service\":\"dns-dhcp\",\"version\":\"2.90-4~deb12u1\",\"sbom\":\"" A64
    "\",\"memory\":100663296,\"handover\":\"handoff\",\"needs\":[],"
    "\"provides\":[\"dns/1\",\"dhcp/1\"],\"ports\":[\"udp/53\"],"
    "\"volumes\":[],\"configure\":\"/etc/kiln/configure\","
    "\"probes\":[{\"kind\":\"kiln/probe\",\"v\":1,\"type\":\"dns\","
    "\"name\":\"router.lan\",\"qtype\":\"A\",\"expect\":\"self\"}]}}]}";

static int
parse(const char *text, struct release *r)
{
	err_clear(&err);
	return release_parse(r, text, strlen(text), &err);
}

/* The example with its first `from` replaced. */
static void
assert_refused(const char *from, const char *to)
{
	const char *at = strstr(example, from);
	struct release r = RELEASE_INIT;
	char *text;

	assert_non_null(at);
	text = mem_printf(
	    "%.*s%s%s", (int)(at - example), example, to, at + strlen(from));
	if (parse(text, &r) == 0)
		fail_msg("taken: %s for %s", to, from);
	assert_int_equal(err.cls, ERR_INPUT);
	free(text);
}

static void
the_page_of_formats_is_read(void **state)
{
	struct release r = RELEASE_INIT;
	char path[TARGET_PATH_MAX];

	(void)state;
	if (parse(example, &r) == -1)
		fail_msg("%s", err.msg);
	assert_string_equal(r.service, "dns-dhcp");
	assert_false(r.kernel);
	release_path(&r, 0, path);
	assert_string_equal(path, "images/dns-dhcp/amd64/" C64);
	release_clear(&r);
}

static void
whatever_the_page_does_not_say_is_refused(void **state)
{
	(void)state;
	assert_refused("\"v\":1", "\"v\":2");
	assert_refused("kiln/release", "kiln/lock");
	assert_refused("\"v\":1,", "\"v\":1,\"extra\":1,");
	assert_refused("\"v\":1,", "\"v\":1,\"v\":1,");
	assert_refused("\"service\":\"dns-dhcp\"", "\"service\":\"../x\"");
	assert_refused("\"service\":\"dns-dhcp\"", "\"service\":\"other\"");
	assert_refused("\"arch\":\"amd64\"", "\"arch\":\"a/b\"");
	assert_refused("\"size\":5242880", "\"size\":0");
	assert_refused("\"size\":5242880", "\"size\":-1");
	assert_refused("\"size\":5242880", "\"size\":1.5");
	assert_refused(C64, "CCCC");
	assert_refused("\"type\":\"vm\"", "\"type\":\"rootkit\"");
	assert_refused("\"sbom\":\"", "\"serial\":9,\"sbom\":\"");
	assert_refused("handoff", "whenever");
	assert_refused("dns/1", "../dns");
	assert_refused("\"qtype\":\"A\"", "\"qtype\":\"ANY\"");
	assert_refused("\"type\":\"dns\"", "\"type\":\"tcp\"");
	assert_refused("router.lan", "router\\u0001lan");
	assert_refused("\"targets\":[", "\"targets\":[{},");
	assert_refused("2.90-4~deb12u1", "");
	assert_refused("}]}}]}", "}]}}]}x");
	assert_refused("}]}}]}", "}]}}]");
}

/* The example with other words for its kind and its program. */
static int
as_unikernel(const char *type, const char *program)
{
	const char *at = strstr(example, "\"type\":\"vm\""),
		   *configure = strstr(example, "\"configure\""),
		   *rest = strstr(example, "\"probes\"");
	struct release r = RELEASE_INIT;
	char *text = mem_printf("%.*s%s%.*s%s%s", (int)(at - example), example,
	    type, (int)(configure - at - 11), at + 11, program, rest);
	int ret = parse(text, &r);

	if (ret == 0) {
		assert_string_equal(r.type, "solo5");
		release_clear(&r);
	}
	free(text);
	return ret;
}

static void
a_unikernel_says_what_its_notes_say(void **state)
{
	static const char good[] =
	    "\"type\":\"solo5\",\"solo5\":\"spt 2 net:service\"";

	(void)state;
	if (as_unikernel(good, "") == -1)
		fail_msg("%s", err.msg);
	assert_int_equal(as_unikernel("\"type\":\"solo5\"", ""), -1);
	assert_int_equal(
	    as_unikernel("\"type\":\"solo5\",\"solo5\":\"kvm 2\"", ""), -1);
	assert_int_equal(
	    as_unikernel(good, "\"configure\":\"/etc/kiln/configure\","), -1);
	assert_int_equal(
	    as_unikernel("\"type\":\"vm\",\"solo5\":\"spt 2\"", ""), -1);
}

/* --- the product ------------------------------------------------------- */

/* A release of the service x with one image. */
static void
make(struct release *r, const char *arch, char digit, const char *version)
{
	char hex[HASH_HEX], *text;

	memset(hex, digit, 64);
	hex[64] = '\0';
	text = mem_printf("{\"kind\":\"kiln/release\",\"v\":1,"
			  "\"service\":\"x\",\"recipe\":\"x\",\"arch\":\"%s\","
			  "\"version\":\"%s\",\"plan\":\"" A64
			  "\",\"verdict\":\"" B64
			  "\",\"targets\":[{\"sha256\":\"%s\",\"size\":7,"
			  "\"custom\":{\"type\":\"vm\",\"service\":\"x\","
			  "\"version\":\"%s\",\"sbom\":\"" A64
			  "\",\"memory\":1,\"handover\":\"handoff\","
			  "\"needs\":[],\"provides\":[],\"ports\":[],"
			  "\"volumes\":[],\"probes\":[]}}]}",
	    arch, version, hex, version);
	if (parse(text, r) == -1)
		fail_msg("%s", err.msg);
	free(text);
}

static struct tuf_file *
product(const struct tuf_file *last, int64_t version, int64_t min,
    const struct release *const *fresh, size_t n, struct buf *bytes)
{
	auto_json json_t *part =
	    service_product("svc-x", last, version, 1767225600, min, fresh, n);
	auto_buf struct buf draft = BUF_INIT;
	struct tuf_file *f;

	buf_clear(bytes);
	if (canon_json(part, bytes, &err) == -1 ||
	    meta_file(bytes->data, bytes->len, NULL, 0, &draft, &err) == -1 ||
	    !(f = tuf_read(TUF_TARGETS, "svc-x", draft.data, draft.len, &err)))
		fail_msg("%s", err.msg);
	return f;
}

static void
the_product_is_these_bytes_on_every_machine(void **state)
{
	static const char expected[] =
	    "{\"_type\":\"targets\",\"expires\":\"2026-01-01T00:00:00Z\","
	    "\"min_serial\":1,\"spec_version\":\"1.0.34\",\"targets\":{"
	    "\"images/x/amd64/" C64 "\":{\"custom\":{\"handover\":\"handoff\","
	    "\"memory\":1,\"needs\":[],\"ports\":[],\"probes\":[],"
	    "\"provides\":[],\"sbom\":\"" A64 "\",\"serial\":2,"
	    "\"service\":\"x\",\"type\":\"vm\",\"version\":\"1.0\","
	    "\"volumes\":[]},\"hashes\":{\"sha256\":\"" C64
	    "\"},\"length\":7}},\"version\":2}";
	struct release r = RELEASE_INIT;
	const struct release *fresh[] = { &r };
	auto_buf struct buf bytes = BUF_INIT;
	auto_tuf struct tuf_file *f = NULL;

	(void)state;
	make(&r, "amd64", 'c', "1.0");
	f = product(NULL, 2, 1, fresh, 1, &bytes);
	assert_string_equal(bytes.data, expected);
	assert_true(service_lists(f, &r));
	release_clear(&r);
}

static void
the_product_keeps_eight_releases_of_each_architecture(void **state)
{
	struct release other = RELEASE_INIT;
	const struct release *fresh[] = { &other };
	auto_buf struct buf bytes = BUF_INIT;
	struct tuf_file *last, *next;

	(void)state;
	make(&other, "arm64", 'f', "1");
	last = product(NULL, 1, 1, fresh, 1, &bytes);
	for (int i = 0; i < 12; i++) {
		struct release r = RELEASE_INIT;

		make(&r, "amd64", "0123456789abcdef"[i], "1");
		fresh[0] = &r;
		next = product(last, i + 2, 1, fresh, 1, &bytes);
		tuf_file_free(last);
		last = next;
		release_clear(&r);
	}
	assert_int_equal(last->ntargets, 9); /* 8 and the other one */
	assert_true(service_lists(last, &other));
	for (size_t i = 0; i < last->ntargets; i++)
		assert_true(target_serial(&last->targets[i]) >= 6 ||
			    target_serial(&last->targets[i]) == 1);
	tuf_file_free(last);
	release_clear(&other);
}

static void
the_same_image_again_gets_the_new_serial(void **state)
{
	struct release one = RELEASE_INIT, two = RELEASE_INIT;
	const struct release *fresh[] = { &one };
	auto_buf struct buf bytes = BUF_INIT;
	auto_tuf struct tuf_file *a = NULL;
	auto_tuf struct tuf_file *b = NULL;

	(void)state;
	make(&one, "amd64", 'a', "1");
	make(&two, "amd64", 'a', "2");
	a = product(NULL, 2, 1, fresh, 1, &bytes);
	assert_false(service_lists(a, &two));
	fresh[0] = &two;
	b = product(a, 3, 1, fresh, 1, &bytes);
	assert_int_equal(b->ntargets, 1);
	assert_int_equal(target_serial(&b->targets[0]), 3);
	assert_false(service_lists(b, &one));
	release_clear(&one);
	release_clear(&two);
}

static void
a_withdrawn_serial_is_listed_no_more(void **state)
{
	struct release one = RELEASE_INIT, two = RELEASE_INIT;
	const struct release *fresh[] = { &one };
	auto_buf struct buf bytes = BUF_INIT;
	auto_tuf struct tuf_file *a = NULL;
	auto_tuf struct tuf_file *b = NULL;
	auto_tuf struct tuf_file *c = NULL;

	(void)state;
	make(&one, "amd64", 'a', "1");
	make(&two, "amd64", 'b', "2");
	a = product(NULL, 2, 1, fresh, 1, &bytes);
	fresh[0] = &two;
	b = product(a, 3, 1, fresh, 1, &bytes);
	assert_int_equal(b->ntargets, 2);
	c = product(b, 4, 3, NULL, 0, &bytes);
	assert_int_equal(c->ntargets, 1);
	assert_int_equal(service_min_serial(c), 3);
	assert_true(service_lists(c, &two));
	release_clear(&one);
	release_clear(&two);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_page_of_formats_is_read),
		cmocka_unit_test(whatever_the_page_does_not_say_is_refused),
		cmocka_unit_test(a_unikernel_says_what_its_notes_say),
		cmocka_unit_test(the_product_is_these_bytes_on_every_machine),
		cmocka_unit_test(
		    the_product_keeps_eight_releases_of_each_architecture),
		cmocka_unit_test(the_same_image_again_gets_the_new_serial),
		cmocka_unit_test(a_withdrawn_serial_is_listed_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
