/* rooms: web/ansi.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "web/ansi.h"

static void
put(void *arg, const char *cls, const char *text)
{
	struct buf *b = arg;

	buf_printf(b, "{%s|%s}", cls, text);
}

static void
assert_shows(const char *said, size_t n, const char *want)
{
	auto_buf struct buf whole = BUF_INIT, pieces = BUF_INIT;
	struct ansi a = ANSI_INIT, b = ANSI_INIT;
	size_t i;

	ansi_feed(&a, said, n, put, &whole);
	assert_string_equal(whole.data, want);
	/* Cut anywhere, it ends in the same state. */
	for (i = 0; i < n; i++)
		ansi_feed(&b, said + i, 1, put, &pieces);
	assert_memory_equal(&a, &b, offsetof(struct ansi, number));
}
#define SHOWS(said, want) assert_shows(said, sizeof(said) - 1, want)

static void
colours_and_weights_become_classes(void **state)
{
	(void)state;
	SHOWS("plain", "{|plain}");
	SHOWS("\033[31mred\033[0m.", "{f1|red}{|.}");
	SHOWS("\033[1;32;44mx\033[22my\033[m", "{f2 g4 bo|x}{f2 g4|y}");
	SHOWS("\033[91mx\033[39my", "{f9|x}{|y}");
	SHOWS("\033[2;3;4mx", "{fa it un|x}");
	SHOWS("\033[7mx\033[31my", "{sw|x}{g1|y}");
	SHOWS("\033[38;5;9mx\033[38;5;196my", "{f9|x}{f9|y}");
	SHOWS("\033[38;2;1;2;3mx\033[1my", "{|x}{bo|y}");
}

static void
other_sequences_are_swallowed_whole(void **state)
{
	(void)state;
	SHOWS("a\033[2Kb\033[?25lc\033[10;20Hd", "{|a}{|b}{|c}{|d}");
	SHOWS("\033]0;title\007x\033]8;;http://e/\033\\y", "{|x}{|y}");
	SHOWS("\033(Bx\033", "{|x}");
	SHOWS("\033[999999999999999999999999999999999999999mx", "{|x}");
	SHOWS("\033[31", "");
	SHOWS("\033]never ended\nnext", "{|next}");
	SHOWS("50%\r60%\rdone\r\n", "{|50%\n60%\ndone\n}");
	SHOWS("a\bb\ac", "{|abc}");
}

static void
what_is_no_utf8_is_marked(void **state)
{
	static const char all[] = "\xff\xc3\xa9 \xc3 \xed\xa0\x80 \xe2\x82";
	auto_buf struct buf b = BUF_INIT;
	json_t *j;

	(void)state;
	utf8_add(&b, all, sizeof(all)); /* the NUL too */
	assert_string_equal(b.data,
	    "\xef\xbf\xbd\xc3\xa9 \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd"
	    "\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	j = json_stringn(b.data, b.len);
	assert_non_null(j);
	json_decref(j);
}

static void
no_bytes_at_all_make_it_stumble(void **state)
{
	struct ansi a = ANSI_INIT;
	uint32_t seed = 12345;
	int i, k;

	(void)state;
	for (i = 0; i < 2000; i++) {
		static const char likely[] = "\033[]m;0138?\a\\\r\n";
		auto_buf struct buf out = BUF_INIT;
		char piece[40];
		json_t *j;

		for (k = 0; k < 40; k++) {
			seed = seed * 1664525 + 1013904223;
			piece[k] = (char)(seed >> 24);
			if (seed & 1024)
				piece[k] = likely[(seed >> 16) % 14];
		}
		ansi_feed(&a, piece, sizeof(piece), put, &out);
		j = json_stringn(out.data, out.len);
		assert_non_null(j);
		json_decref(j);
		assert_null(strchr(out.data, '\033'));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(colours_and_weights_become_classes),
		cmocka_unit_test(other_sequences_are_swallowed_whole),
		cmocka_unit_test(what_is_no_utf8_is_marked),
		cmocka_unit_test(no_bytes_at_all_make_it_stumble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
