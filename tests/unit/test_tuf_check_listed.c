/* rooms: tests/support/tuf */
/* TUF section 5: what is listed of a file, and what our own disk holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/hex.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tests/support/tuf/tufclient.h"

/* Timestamp lists snapshot so; is what it lists there taken? */
static void
listed_so(struct repo *r, json_t *entry, const char *word)
{
	int64_t version =
	    json_integer_value(json_object_get(r->timestamp, "version"));
	bool kept, final;

	js_set_int(entry, "version", 1);
	js_set(json_object_get(r->timestamp, "meta"), "snapshot.json", entry);
	js_set_int(r->timestamp, "version", version + 1);
	ok(r, give_timestamp(r, false, &kept));
	if (word)
		refused(r, give_snapshot(r, false, &final), word);
	else
		ok(r, give_snapshot(r, false, &final));
}

/* Where one of them is missing, the others still count. */
static void
tuf_5_5_2_length_and_each_hash_count_alone(void **state)
{
	struct repo *r = *state;
	auto_buf struct buf good = BUF_INIT;
	char h256[HASH_HEX], h512[129];
	uint8_t raw[64];
	struct hash h;
	int n;

	root_stands(r);
	tufmake_sign(r->snapshot, &keys[KSN], 1, &good);
	n = (int)good.len;
	hash_bytes(&h, good.data, good.len);
	hash_hex(&h, h256);
	hash512_bytes(raw, good.data, good.len);
	hex_encode(h512, raw, sizeof(raw));
	listed_so(r, json_pack("{s:i}", "length", n + 1), "wrong bytes");
	listed_so(r, json_pack("{s:i}", "length", n - 1), "wrong bytes");
	listed_so(r, json_pack("{s:{s:s}}", "hashes", "blake3", h256),
	    "unknown kinds");
	h512[0] = h512[0] == '0' ? '1' : '0';
	listed_so(
	    r, json_pack("{s:{s:s}}", "hashes", "sha512", h512), "SHA-512");
	listed_so(r,
	    json_pack(
		"{s:{s:s,s:s}}", "hashes", "sha256", h256, "sha512", h512),
	    "SHA-512");
	hex_encode(h512, raw, sizeof(raw));
	listed_so(r, json_pack("{s:i}", "length", n), NULL);
	listed_so(r, json_pack("{s:{s:s}}", "hashes", "sha512", h512), NULL);
	listed_so(r,
	    json_pack(
		"{s:{s:s,s:s}}", "hashes", "sha256", h256, "blake3", h256),
	    NULL);
}

/* It is the listed one, but its time is over: a newer one must come. */
static void
tuf_5_5_6_a_stored_snapshot_that_ended_is_not_the_current_one(void **state)
{
	struct repo *r = *state;
	bool final;

	js_set_str(r->snapshot, "expires", PAST);
	timestamp_stands(r);
	ok(r, give_snapshot(r, true, &final));
	assert_false(final);
	assert_null(tuf_snapshot(r->t));
	refused(r, give_snapshot(r, false, &final), "freeze");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(tuf_5_5_2_length_and_each_hash_count_alone),
		T(tuf_5_5_6_a_stored_snapshot_that_ended_is_not_the_current_one),
	};

	return cmocka_run_group_tests(tests, tufclient_keys, NULL);
}
