/*
 * roots METADATA KEYFILE N: ten years of a repository that its routers did not
 * see.  METADATA has root 1, signed by the one demonstration key in KEYFILE;
 * it expired long ago afterwards, and N roots follow it.  Each has another root
 * key than the one before, and other keys for timestamp and snapshot, and has
 * expired too; the last has the keys that root 1 had for these, and its date.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tuf.h"
#include "tests/support/tuf/tufmake.h"

#define LONG_AGO ((int64_t)1477958400) /* 2016-11-01 */
#define YEARS ((int64_t)10 * 365 * 86400)
#define FILE_MAX (1 << 20)

static struct err err = ERR_INIT;

static void
die(void)
{
	fprintf(stderr, "roots: %s\n", err.msg);
	exit(1);
}

static void
read_seed(const char *path, struct tufmake_key *k)
{
	static const char head[] = "kiln-key 1 demo\n";
	auto_buf struct buf b = BUF_INIT;

	if (file_read(path, 4096, &b, &err) == -1)
		die();
	if (b.len != strlen(head) + sizeof(k->seed.b) ||
	    memcmp(b.data, head, strlen(head)) != 0) {
		err_set(&err, ERR_INPUT, "%s is no demonstration key", path);
		die();
	}
	memcpy(k->seed.b, b.data + strlen(head), sizeof(k->seed.b));
	sig_public_of(&k->seed, &k->pub);
	tuf_keyid(&k->pub, k->keyid);
}

static void
put(int dir, const json_t *root, const struct tufmake_key *k, size_t n)
{
	auto_buf struct buf b = BUF_INIT;
	auto_free char *name = mem_printf("%lld.root.json",
	    (long long)json_integer_value(json_object_get(root, "version")));

	tufmake_sign(root, k, n, &b);
	if (file_write_at(dir, name, b.data, b.len, 0644, &err) == -1)
		die();
}

/* `role` has this key alone. */
static void
give(json_t *root, const char *role, unsigned n)
{
	struct tufmake_key k;

	tufmake_key(&k, n);
	tufmake_root_role(root, role, &k, 1, 1);
}

int
main(int argc, char **argv)
{
	struct tufmake_key keys[2]; /* of the root before, and its own */
	auto_buf struct buf b = BUF_INIT;
	auto_json json_t *file = NULL;
	char at[TIME_TEXT];
	int64_t n;
	json_t *first;
	int dir;

	if (argc != 4 || num_int(argv[3], 1, 100000, &n, &err) == -1 ||
	    (dir = dir_open(argv[1], &err)) == -1 ||
	    file_read_at(dir, "1.root.json", FILE_MAX, &b, &err) == -1 ||
	    (file = js_parse("1.root.json", b.data, b.len, &err)) == NULL)
		die();
	first = json_object_get(file, "signed");
	read_seed(argv[2], &keys[1]);
	for (int64_t i = 0; i <= n; i++) {
		auto_json json_t *root = json_deep_copy(first);

		keys[0] = keys[1];
		js_set_int(root, "version", i + 1);
		if (i > 0) {
			tufmake_key(&keys[1], (unsigned)i);
			tufmake_root_role(root, "root", &keys[1], 1, 1);
		}
		if (i > 0 && i < n) {
			give(root, "timestamp", 200000 + (unsigned)i);
			give(root, "snapshot", 400000 + (unsigned)i);
		}
		if (i < n) {
			time_text(LONG_AGO + i * YEARS / n, at);
			js_set_str(root, "expires", at);
		}
		put(dir, root, keys, i > 0 ? 2 : 1);
	}
	return 0;
}
