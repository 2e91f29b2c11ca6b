/* Trees against the vectors that the CT projects publish, notes against the
 * one of Go's note package, and what must not pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "lib/checkpoint.h"
#include "lib/hex.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tlog.h"

#define LEAVES 600

static struct hash leaves[LEAVES];
static struct err err;

static int
get(void *arg, unsigned level, int64_t n, struct hash *out, struct err *e)
{
	struct hash half[TLOG_WIDTH];

	if (level == 0) {
		*out = ((const struct hash *)arg)[n];
		return 0;
	}
	for (int i = 0; i < TLOG_WIDTH; i++)
		if (get(arg, level - 1, n * TLOG_WIDTH + i, &half[i], e) == -1)
			return -1;
	for (size_t k = TLOG_WIDTH; k > 1; k /= 2)
		for (size_t i = 0; i < k / 2; i++)
			tlog_node(&half[2 * i], &half[2 * i + 1], &half[i]);
	*out = half[0];
	return 0;
}

static const struct tlog_hashes all = { get, leaves };

static void
use_vectors(void)
{
	static const char *const data[] = { "", "00", "10", "2021", "3031",
		"40414243", "5051525354555657",
		"606162636465666768696a6b6c6d6e6f" };

	for (size_t i = 0; i < ARRAY_LEN(data); i++) {
		uint8_t bytes[16];
		size_t n = strlen(data[i]) / 2;

		assert_true(hex_decode(bytes, n, data[i], 2 * n));
		tlog_leaf(bytes, n, &leaves[i]);
	}
}

static void
use_many(void)
{
	for (uint32_t i = 0; i < LEAVES; i++)
		tlog_leaf(&i, sizeof(i), &leaves[i]);
}

static void
assert_hex(const struct hash *h, const char *hex)
{
	char text[HASH_HEX];

	hash_hex(h, text);
	assert_string_equal(text, hex);
}

static void
roots_are_those_of_the_published_vectors(void **state)
{
	static const char *const roots[] = {
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8"
		"55",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa0"
		"1d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c1"
		"25",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e"
		"77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614"
		"b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264"
		"d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087"
		"ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c"
		"8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff46043"
		"28",
	};
	struct hash h;

	(void)state;
	use_vectors();
	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		assert_int_equal(tlog_root(&all, (int64_t)i, &h, &err), 0);
		assert_hex(&h, roots[i]);
	}
}

static void
proofs_are_those_of_the_published_vectors(void **state)
{
	struct tlog_proof p;

	(void)state;
	use_vectors();
	assert_int_equal(tlog_inclusion(&all, 0, 8, &p, &err), 0);
	assert_int_equal(p.n, 3);
	assert_hex(&p.v[0], "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e"
			    "410b78630a09cfc7");
	assert_hex(&p.v[1], "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54"
			    "c8a360f50de3031e");
	assert_hex(&p.v[2], "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd"
			    "6aab035ca39bf6e4");
	assert_int_equal(tlog_consistency(&all, 6, 8, &p, &err), 0);
	assert_int_equal(p.n, 3);
	assert_hex(&p.v[0], "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f"
			    "8dededebc558ef6a");
	assert_hex(&p.v[1], "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596"
			    "ece6b9d5975a0ae0");
	assert_hex(&p.v[2], "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe"
			    "8b30cd95209614b7");
}

static void
every_proof_proves_and_no_other_entry_or_tree(void **state)
{
	static const int64_t sizes[] = { 1, 2, 3, 7, 8, 9, 255, 256, 257, 511,
		512, 513, LEAVES };
	struct tlog_proof p;
	struct hash root, other;

	(void)state;
	use_many();
	for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
		int64_t size = sizes[s];

		assert_int_equal(tlog_root(&all, size, &root, &err), 0);
		for (int64_t i = 0; i<size; i += size> 20 ? 17 : 1) {
			assert_int_equal(
			    tlog_inclusion(&all, i, size, &p, &err), 0);
			assert_true(
			    tlog_includes(&root, size, &leaves[i], i, &p));
			assert_false(tlog_includes(
			    &root, size, &leaves[(i + 1) % LEAVES], i, &p));
			if (size > 1)
				assert_false(tlog_includes(&root, size,
				    &leaves[i], (i + 1) % size, &p));
		}
		for (int64_t old = 0; old <= size; old += size > 20 ? 13 : 1) {
			assert_int_equal(tlog_root(&all, old, &other, &err), 0);
			assert_int_equal(
			    tlog_consistency(&all, old, size, &p, &err), 0);
			assert_true(tlog_extends(&other, old, &root, size, &p));
			other.b[0] ^= 1;
			if (old > 0)
				assert_false(
				    tlog_extends(&other, old, &root, size, &p));
		}
	}
}

static void
a_log_that_changed_an_entry_is_not_an_extension(void **state)
{
	struct hash before, after;
	struct tlog_proof p;

	(void)state;
	use_many();
	assert_int_equal(tlog_root(&all, 300, &before, &err), 0);
	leaves[7].b[3] ^= 1;
	assert_int_equal(tlog_root(&all, 400, &after, &err), 0);
	assert_int_equal(tlog_consistency(&all, 300, 400, &p, &err), 0);
	assert_false(tlog_extends(&before, 300, &after, 400, &p));
	p.n--;
	assert_false(tlog_extends(&before, 300, &after, 400, &p));
	assert_false(tlog_extends(&before, 400, &after, 300, &p));
	assert_false(tlog_extends(&before, -1, &after, 300, &p));
}

static void
tiles_are_named_as_others_name_them(void **state)
{
	auto_buf struct buf b = BUF_INIT;

	(void)state;
	tlog_tile_name(0, 1234067, TLOG_WIDTH, &b);
	assert_string_equal(b.data, "tile/0/x001/x234/067");
	buf_clear(&b);
	tlog_tile_name(1, 0, 17, &b);
	assert_string_equal(b.data, "tile/1/000.p/17");
	buf_clear(&b);
	tlog_bundle_name(1000, 255, &b);
	assert_string_equal(b.data, "tile/entries/x001/000.p/255");
	assert_int_equal(tlog_tile_width(0, 0, 256), 256);
	assert_int_equal(tlog_tile_width(0, 1, 256), 0);
	assert_int_equal(tlog_tile_width(0, 1, 300), 44);
	assert_int_equal(tlog_tile_width(1, 0, 300), 1);
	assert_int_equal(tlog_tile_width(1, 0, 255), 0);
	assert_int_equal(tlog_tile_width(TLOG_LEVELS, 0, 255), 0);
}

/* --- notes
 * ------------------------------------------------------------------*/

#define PETER                                                        \
	"If you think cryptography is the answer to your problem,\n" \
	"then you don't know what your problem is.\n"
#define PETER_SIG                                                    \
	"\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFup" \
	"LLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"

static struct sig_public
peter(void)
{
	static const char base64[] =
	    "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
	uint8_t both[33];
	struct sig_public key;
	size_t n;

	assert_int_equal(
	    sodium_base642bin(both, sizeof(both), base64, strlen(base64), NULL,
		&n, NULL, sodium_base64_VARIANT_ORIGINAL),
	    0);
	assert_int_equal(both[0], 1);
	memcpy(key.b, both + 1, 32);
	return key;
}

static void
the_published_note_opens(void **state)
{
	static const char note[] = PETER "\n" PETER_SIG;
	struct sig_public key = peter();
	struct span text, name;
	size_t which;

	(void)state;
	if (note_open(note, sizeof(note) - 1, &key, 1, &text, &name, &which,
		&err) == -1)
		fail_msg("%s", err.msg);
	assert_true(span_is(text, PETER));
	assert_true(span_is(name, "PeterNeumann"));
}

static void
a_changed_note_does_not_open(void **state)
{
	struct sig_public key = peter(), other = key;
	struct span text, name;
	char note[] = PETER "\n" PETER_SIG;
	size_t n = sizeof(note) - 1, which;

	(void)state;
	other.b[0] ^= 1;
	assert_int_equal(
	    note_open(note, n, &other, 1, &text, &name, &which, &err), -1);
	assert_int_equal(err.cls, ERR_TRUST);
	for (size_t i = 0; i < n; i++) {
		note[i] ^= 1;
		assert_int_equal(
		    note_open(note, n, &key, 1, &text, &name, &which, &err),
		    -1);
		note[i] ^= 1;
	}
	/* Cut off anywhere, it is none. */
	for (size_t i = 0; i < n; i++)
		assert_int_equal(
		    note_open(note, i, &key, 1, &text, &name, &which, &err),
		    -1);
}

static void
sign(const struct checkpoint *c, const char *name, const struct sig_seed *seed,
    const struct sig_public *pub, struct buf *note)
{
	struct sig sig;

	buf_clear(note);
	checkpoint_text(c, note);
	sig_sign(seed, note->data, note->len, &sig);
	buf_char(note, '\n');
	note_sign(note, name, pub, &sig);
}

static void
a_checkpoint_comes_back_as_it_was_signed(void **state)
{
	struct checkpoint c = { .origin = CHECKPOINT_ORIGIN "a",
		.size = 77,
		.root = { { 9 } } },
			  got;
	auto_buf struct buf note = BUF_INIT;
	struct sig_public pub[2];
	struct sig_seed seed, second;

	(void)state;
	sig_keypair(&seed, &pub[0]);
	sig_keypair(&second, &pub[1]);
	sign(&c, c.origin, &second, &pub[1], &note);
	if (checkpoint_open(note.data, note.len, pub, 2, &got, &err) == -1)
		fail_msg("%s", err.msg);
	assert_string_equal(got.origin, c.origin);
	assert_int_equal(got.size, 77);
	assert_true(hash_equal(&got.root, &c.root));
	assert_int_equal(
	    checkpoint_open(note.data, note.len, pub, 1, &got, &err), -1);
	sign(&c, "other", &seed, &pub[0], &note);
	assert_int_equal(
	    checkpoint_open(note.data, note.len, pub, 2, &got, &err), -1);
	assert_int_equal(err.cls, ERR_TRUST);
}

static void
what_is_no_checkpoint_is_refused(void **state)
{
	static const char root[] =
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	static const char *const texts[] = { "a\n01\nR\n", "a\n-1\nR\n",
		"a\n1x\nR\n", "a\n\nR\n", "\n1\nR\n", "a\n1\nAAAA\n", "a\n1\n",
		"a\n99999999999999999999\nR\n" };
	struct sig_public pub;
	struct sig_seed seed;
	struct checkpoint got;

	(void)state;
	sig_keypair(&seed, &pub);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		auto_buf struct buf note = BUF_INIT;
		struct sig sig;

		for (const char *s = texts[i]; *s; s++) {
			if (*s == 'R')
				buf_str(&note, root);
			else
				buf_char(&note, *s);
		}
		sig_sign(&seed, note.data, note.len, &sig);
		buf_char(&note, '\n');
		note_sign(&note, "a", &pub, &sig);
		if (checkpoint_open(note.data, note.len, &pub, 1, &got, &err) !=
		    -1)
			fail_msg("taken: %s", note.data);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roots_are_those_of_the_published_vectors),
		cmocka_unit_test(proofs_are_those_of_the_published_vectors),
		cmocka_unit_test(every_proof_proves_and_no_other_entry_or_tree),
		cmocka_unit_test(
		    a_log_that_changed_an_entry_is_not_an_extension),
		cmocka_unit_test(tiles_are_named_as_others_name_them),
		cmocka_unit_test(the_published_note_opens),
		cmocka_unit_test(a_changed_note_does_not_open),
		cmocka_unit_test(a_checkpoint_comes_back_as_it_was_signed),
		cmocka_unit_test(what_is_no_checkpoint_is_refused),
	};

	if (sodium_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
