/* Configurations: what is refused, where, and what comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/conf.h"
#include "tests/support/scratch.h"

static const char *const kinds[] = { "source", "image", "kernel", NULL };
static const char *const colours[] = { "red", "green", NULL };
static const struct conf_key port_keys[] = {
	{ .name = "proto", .type = CONF_STR, .required = true, .max = 3 },
	{ .name = "number", .type = CONF_INT, .min = 1, .max = 65535 },
	{ 0 },
};
static const struct conf_key limit_keys[] = {
	{ .name = "memory",
	    .type = CONF_SIZE,
	    .min = 1024,
	    .max = 1024 * 1024 * 1024 },
	{ .name = "after", .type = CONF_DURATION },
	{ 0 },
};
static const struct conf_key keys[] = {
	{ .name = "name", .type = CONF_NAME, .required = true },
	{ .name = "kind", .type = CONF_ENUM, .words = kinds },
	{ .name = "summary", .type = CONF_STR, .max = 20 },
	{ .name = "count", .type = CONF_INT, .min = -5, .max = 5 },
	{ .name = "any", .type = CONF_INT },
	{ .name = "on", .type = CONF_BOOL },
	{ .name = "clock", .type = CONF_DATE },
	{ .name = "tags", .type = CONF_STRS, .max = 3 },
	{ .name = "colours", .type = CONF_STRS, .words = colours },
	{ .name = "limits", .type = CONF_MAP, .sub = limit_keys },
	{ .name = "ports", .type = CONF_SEQ, .sub = port_keys },
	{ .name = "hosts", .type = CONF_DICT, .sub = port_keys },
	{ .name = "free", .type = CONF_FREE },
	{ 0 },
};

static const char full[] = "name: dns\n"
			   "kind: image\n"
			   "summary: \"a name server\"\n"
			   "count: -3\n"
			   "any: 9223372036854775807\n"
			   "on: true\n"
			   "clock: 2020-01-01T00:00:10Z\n"
			   "tags: [one, two]\n"
			   "colours:\n"
			   "  - green\n"
			   "limits:\n"
			   "  memory: 64 MiB\n"
			   "  after: 15m\n"
			   "ports:\n"
			   "  - {proto: udp, number: 53}\n"
			   "  - proto: tcp\n"
			   "hosts:\n"
			   "  zeta: {proto: tcp, number: 1}\n"
			   "  alpha: {proto: udp}\n"
			   "free:\n"
			   "  a: [1, -2, 010, \"3\", true, yes, 1.5]\n"
			   "  b: {c: text}\n";

static void
values_of_every_type_come_out(void **state)
{
	struct err err = ERR_INIT;
	auto_conf struct conf *c =
	    conf_parse("f", full, strlen(full), keys, &err);
	const struct conf_node *r, *n;
	const char *name;

	(void)state;
	if (!c)
		print_error("%s\n", err.msg);
	assert_non_null(c);
	r = conf_root(c);
	assert_string_equal(conf_str(r, "name", NULL), "dns");
	assert_int_equal(conf_enum(r, "kind", -1), 1);
	assert_string_equal(conf_str(r, "kind", NULL), "image");
	assert_int_equal(conf_int(r, "count", 0), -3);
	assert_int_equal(conf_int(r, "any", 0), INT64_MAX);
	assert_true(conf_bool(r, "on", false));
	assert_int_equal(conf_int(r, "clock", 0), 1577836810);
	assert_int_equal(conf_count(r, "tags"), 2);
	assert_string_equal(conf_str_at(r, "tags", 1), "two");
	n = conf_map(r, "limits");
	assert_int_equal(conf_int(n, "memory", 0), 64 << 20);
	assert_int_equal(conf_int(n, "after", 0), 900);
	assert_int_equal(conf_count(r, "ports"), 2);
	n = conf_at(r, "ports", 1, NULL);
	assert_string_equal(conf_str(n, "proto", NULL), "tcp");
	assert_false(conf_has(n, "number"));
	assert_int_equal(conf_int(n, "number", 7), 7);
	assert_int_equal(conf_count(r, "hosts"), 2);
	n = conf_at(r, "hosts", 0, &name);
	assert_string_equal(name, "zeta");
	assert_int_equal(conf_int(n, "number", 0), 1);
}

static void
absent_keys_give_the_defaults(void **state)
{
	struct err err = ERR_INIT;
	auto_conf struct conf *c = conf_parse("f", "name: x\n", 8, keys, &err);
	const struct conf_node *r;

	(void)state;
	assert_non_null(c);
	r = conf_root(c);
	assert_string_equal(conf_str(r, "summary", "none"), "none");
	assert_null(conf_str(r, "summary", NULL));
	assert_int_equal(conf_enum(r, "kind", 2), 2);
	assert_true(conf_bool(r, "on", true));
	assert_int_equal(conf_count(r, "tags"), 0);
	assert_int_equal(conf_count(r, "hosts"), 0);
	assert_null(conf_map(r, "limits"));
	assert_null(conf_json(r, "free"));
}

static void
json_follows_the_types(void **state)
{
	struct err err = ERR_INIT;
	auto_conf struct conf *c =
	    conf_parse("f", full, strlen(full), keys, &err);
	json_t *j;
	char *text;

	(void)state;
	assert_non_null(c);
	j = conf_json(conf_root(c), "free");
	text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text,
	    "{\"a\":[1,-2,\"010\",\"3\",true,\"yes\",\"1.5\"],"
	    "\"b\":{\"c\":\"text\"}}");
	free(text);
	json_decref(j);
	j = conf_json(conf_root(c), "limits");
	text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text, "{\"after\":900,\"memory\":67108864}");
	free(text);
	json_decref(j);
	j = conf_json(conf_root(c), NULL);
	assert_int_equal(json_object_size(j), 13);
	assert_true(json_is_true(json_object_get(j, "on")));
	assert_true(json_is_integer(json_object_get(
	    json_array_get(json_object_get(j, "ports"), 0), "number")));
	json_decref(j);
}

static void
every_mistake_is_told_with_its_place(void **state)
{
	static const struct {
		const char *text, *want;
	} all[] = {
		{ "name: x\nkind: image\nsumary: y\n",
		    "f:3:1: unknown key \"sumary\" (did you mean \"summary\"?"
		    " allowed: name, kind, summary, count, any, on, clock,"
		    " tags, colours, limits, ports, hosts, free)" },
		{ "name: x\nqqqqqqq: y\n",
		    "f:2:1: unknown key \"qqqqqqq\" (allowed: name, kind,"
		    " summary, count, any, on, clock, tags, colours, limits,"
		    " ports, hosts, free)" },
		{ "kind: image\n", "f:1:1: missing key \"name\"" },
		{ "name: x\nlimits: {}\nname: y\n",
		    "f:3:1: key \"name\" again (first in line 1)" },
		{ "name: a/b\n",
		    "f:1:7: name: \"a/b\" is not a name (allowed: A-Z a-z 0-9"
		    " . _ + ~ -)" },
		{ "name:\n", "f:1:6: name: the value is empty" },
		{ "name: [x]\n",
		    "f:1:7: name: expected one value, not a list or map" },
		{ "name: x\nkind: imege\n",
		    "f:2:7: kind: \"imege\" is not allowed (did you mean"
		    " \"image\"? allowed: source, image, kernel)" },
		{ "name: x\nsummary: aaaaaaaaaaaaaaaaaaaaa\n",
		    "f:2:10: summary: longer than the 20 bytes allowed" },
		{ "name: x\nsummary: \"a\\tb\"\n",
		    "f:2:10: summary: control character" },
		{ "name: x\ncount: 6\n",
		    "f:2:8: count: 6 is not between -5 and 5" },
		{ "name: x\ncount: 05\n",
		    "f:2:8: count: expected a whole number, not \"05\"" },
		{ "name: x\ncount: \"5\"\n",
		    "f:2:8: count: expected a whole number, not \"5\"" },
		{ "name: x\ncount: 5.0\n",
		    "f:2:8: count: expected a whole number, not \"5.0\"" },
		{ "name: x\nany: 9223372036854775808\n",
		    "f:2:6: any: expected a whole number, not"
		    " \"9223372036854775808\"" },
		{ "name: x\non: yes\n", "f:2:5: on: expected true or false" },
		{ "name: x\nclock: 2020-01-01\n",
		    "f:2:8: clock: \"2020-01-01\" is not a time"
		    " (YYYY-MM-DDTHH:MM:SSZ)" },
		{ "name: x\ntags: one\n",
		    "f:2:7: tags: expected a list of values" },
		{ "name: x\ntags: [a, b, c, d]\n",
		    "f:2:7: tags: 4 given, at most 3 allowed" },
		{ "name: x\ntags: [a, [b]]\n",
		    "f:2:11: tags: expected one value, not a list or map" },
		{ "name: x\ncolours: [gren]\n",
		    "f:2:11: colours: \"gren\" is not allowed (did you mean"
		    " \"green\"? allowed: red, green)" },
		{ "name: x\nlimits: 3\n",
		    "f:2:9: limits: expected a map of keys" },
		{ "name: x\nlimits: {memory: 1KiB, more: 1}\n",
		    "f:2:24: unknown key \"more\" (allowed: memory, after)" },
		{ "name: x\nlimits: {memory: 1}\n",
		    "f:2:18: memory: 1 is not between 1.0 KiB and 1.0 GiB" },
		{ "name: x\nports: {}\n",
		    "f:2:8: ports: expected a list of maps" },
		{ "name: x\nports: [{number: 1}]\n",
		    "f:2:9: ports: missing key \"proto\"" },
		{ "name: x\nhosts: {a b: {proto: x}}\n",
		    "f:2:9: hosts: \"a b\" is not a name (allowed: A-Z a-z 0-9"
		    " . _ + ~ -)" },
		{ "name: x\nhosts: {a: {}}\n",
		    "f:2:12: a: missing key \"proto\"" },
		{ "- x\n", "f:1:1: expected a map of keys" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct err err = ERR_INIT;

		assert_null(conf_parse(
		    "f", all[i].text, strlen(all[i].text), keys, &err));
		assert_int_equal(err.cls, ERR_INPUT);
		assert_string_equal(err.msg, all[i].want);
	}
}

static void
yaml_with_two_meanings_is_refused(void **state)
{
	static const struct {
		const char *text, *want;
	} all[] = {
		{ "name: &a x\n", "f:1:7: anchors (&name) are not allowed" },
		{ "name: x\nfree: &a [b]\n", "f:2:7: anchors (&name)" },
		{ "name: x\nfree: {&a b: c}\n", "f:2:8: anchors (&name)" },
		{ "name: *a\n", "f:1:7: aliases (*name) are not allowed" },
		{ "name: !!str x\n", "f:1:7: tags (!name) are not allowed" },
		{ "name: ! x\n", "f:1:7: tags (!name) are not allowed" },
		{ "name: x\nfree: !!set {a}\n", "f:2:7: tags (!name)" },
		{ "name: x\nfree: {<<: {a: b}}\n", "f:2:8: merge keys (<<)" },
		{ "name: x\nfree: {a: 1, a: 2}\n",
		    "f:2:14: key \"a\" again (first in line 2)" },
		{ "name: x\nfree: {[a]: 1}\n", "f:2:8: a key must be a word" },
		{ "name: x\nfree: {? {a: b} : 1}\n", "a key must be a word" },
		{ "name: x\nfree: {\"a\\nb\": 1}\n",
		    "f:2:8: control character in a key" },
		{ "name: x\nfree: \"a\\0b\"\n", "f:2:7: NUL in a value" },
		{ "name: x\n---\nname: y\n",
		    "f:2:1: a second document is not allowed" },
		{ "name: x\n...\nname: y\n", "f:3:1: not YAML:" },
		{ "%YAML 1.1\n---\nname: x\n", "directives (%)" },
		{ "name:\tx\n", "f:1:6: tab character: use blanks" },
		{ "name: x\r\n", "f:1:8: carriage return" },
		{ "name: \001\n", "f:1:7: control character" },
		{ "\xef\xbb\xbfname: x\n", "f:1:1: byte order mark" },
		{ "name: \xff\n", "f:1:" },
		{ "name: [x\n", "not YAML:" },
		{ "name: x\n  kind: image\n", "f:2:7: not YAML:" },
		{ "", "f:1:1: the file is empty" },
		{ "# only a comment\n", "the file is empty" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct err err = ERR_INIT;

		assert_null(conf_parse(
		    "f", all[i].text, strlen(all[i].text), keys, &err));
		assert_int_equal(err.cls, ERR_INPUT);
		if (!strstr(err.msg, all[i].want))
			print_error("%s\n%s\n", err.msg, all[i].want);
		assert_non_null(strstr(err.msg, all[i].want));
	}
}

static void
limits_of_size_depth_and_count_hold(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct conf *c;

	(void)state;
	buf_str(&b, "name: x\nfree: ");
	for (int i = 0; i < 100000; i++)
		buf_char(&b, '[');
	assert_null(conf_parse("f", b.data, b.len, keys, &err));
	assert_non_null(strstr(err.msg, "nested deeper than 16"));

	buf_clear(&b);
	buf_str(&b, "name: x\nfree: [");
	for (int i = 0; i < 9996; i++)
		buf_str(&b, "a,");
	buf_str(&b, "a]\n");
	c = conf_parse("f", b.data, b.len, keys, &err);
	assert_non_null(c);
	conf_free(c);
	b.len -= 2;
	buf_str(&b, ",a]\n");
	assert_null(conf_parse("f", b.data, b.len, keys, &err));
	assert_non_null(strstr(err.msg, "more than 10000 values"));

	buf_clear(&b);
	buf_str(&b, "name: x\n");
	while (b.len <= 1 << 20)
		buf_str(&b, "# a comment that makes it long\n");
	assert_null(conf_parse("f", b.data, b.len, keys, &err));
	assert_non_null(strstr(err.msg, "larger than"));
}

static void
a_file_is_read_below_a_folder(void **state)
{
	struct err err = ERR_INIT;
	struct conf *c;
	FILE *f;
	int fd;

	(void)state;
	assert_null(
	    conf_read_at(scratch.fd, "a.yaml", "shown/a.yaml", keys, &err));
	assert_int_equal(err.cls, ERR_MISSING);
	fd = openat(scratch.fd, "a.yaml", O_CREAT | O_WRONLY, 0644);
	f = fdopen(fd, "w");
	fputs("name: x\nbad: 1\n", f);
	fclose(f);
	assert_null(
	    conf_read_at(scratch.fd, "a.yaml", "shown/a.yaml", keys, &err));
	assert_int_equal(strncmp(err.msg, "shown/a.yaml:2:1: ", 18), 0);
	fd = openat(scratch.fd, "a.yaml", O_TRUNC | O_WRONLY, 0644);
	f = fdopen(fd, "w");
	fputs("name: x\n", f);
	fclose(f);
	c = conf_read_at(scratch.fd, "a.yaml", "shown/a.yaml", keys, &err);
	assert_non_null(c);
	conf_free(c);
}

static void
a_mistake_of_meaning_is_told_at_its_key(void **state)
{
	struct err err = ERR_INIT;
	auto_conf struct conf *c =
	    conf_parse("f", full, strlen(full), keys, &err);
	const struct conf_node *n;

	(void)state;
	assert_non_null(c);
	n = conf_at(conf_root(c), "ports", 1, NULL);
	assert_int_equal(conf_error(n, "proto", &err, "no %s here", "tcp"), -1);
	assert_string_equal(err.msg, "f:16:5: proto: no tcp here");
	assert_int_equal(err.cls, ERR_INPUT);
	assert_int_equal(conf_error(n, NULL, &err, "bad"), -1);
	assert_string_equal(err.msg, "f:16:5: bad");
	assert_int_equal(conf_error(n, "number", &err, "needed"), -1);
	assert_string_equal(err.msg, "f:16:5: number: needed");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_every_type_come_out),
		cmocka_unit_test(absent_keys_give_the_defaults),
		cmocka_unit_test(json_follows_the_types),
		cmocka_unit_test(every_mistake_is_told_with_its_place),
		cmocka_unit_test(yaml_with_two_meanings_is_refused),
		cmocka_unit_test(limits_of_size_depth_and_count_hold),
		cmocka_unit_test_setup_teardown(a_file_is_read_below_a_folder,
		    scratch_setup, scratch_teardown),
		cmocka_unit_test(a_mistake_of_meaning_is_told_at_its_key),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
