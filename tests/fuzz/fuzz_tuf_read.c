/*
 * TUF metadata from anybody: read as each of the four types, then judged as a
 * client would that has just been given it.
 *
 *   clang -fsanitize=fuzzer,address …, then: ./fuzz_tuf_read corpus/tuf_read
 */
#include <stddef.h>
#include <stdint.h>

#include "lib/own.h"
#include "lib/tuf_check.h"
#include "lib/tuf_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
judge(const struct tuf_file *f, struct err *err)
{
	const struct tuf_target *t;

	for (size_t i = 0; i < f->nroles; i++) {
		if (tuf_threshold(f, f->roles[i].name, f, err) == 0)
			err_clear(err);
		tuf_role_covers(&f->roles[i], "images/a/b/c");
	}
	t = tuf_target_find(f, "images/a/b/c");
	if (t && tuf_target_check(t, 0, &t->sha256, t->sha512, err) == 0)
		err_clear(err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	for (int type = TUF_ROOT; type <= TUF_TARGETS; type++) {
		struct err err = ERR_INIT;
		auto_tuf struct tuf_file *f =
		    tuf_read((enum tuf_type)type, "fuzz", data, n, &err);
		struct tuf_trust *trust = tuf_trust_new(1900000000);

		if (f)
			judge(f, &err);
		if (tuf_trust_root(trust, data, n, &err) == 0 &&
		    tuf_accept_root(trust, data, n, &err) == -1)
			err_clear(&err);
		tuf_trust_free(trust);
	}
	return 0;
}
