/*
 * On top of tuf_farm.h: files of the offline roles as a ceremony would make
 * them, also those that must not get through.
 */
#ifndef KILN_TEST_TUF_CEREMONY_H
#define KILN_TEST_TUF_CEREMONY_H

#include "lib/own.h"
#include "lib/tuf_read.h"
#include "tests/support/tuf_farm.h"
#include "tuf-repo/keyfile.h"
#include "tuf-repo/keysign.h"
#include "tuf-repo/metadata.h"

KILN_UNUSED static json_t *
next_of(const char *role)
{
	auto_tuf struct tuf_file *f = NULL;
	json_t *part;

	TF_OK(role_load_newest(tf.repo.db, role, &f, &tf.err));
	part = json_deep_copy(f->signed_json);
	js_set_int(part, "version", f->version + 1);
	return part;
}

/* The file of an offline role, signed by the named keys of keys/offline. */
KILN_UNUSED static void
signed_file(const json_t *part, const char *const *names, size_t n,
    int (*canon)(const json_t *, struct buf *, struct err *), struct buf *file)
{
	struct meta_signature sigs[4];
	auto_buf struct buf bytes = BUF_INIT;

	TF_OK(canon(part, &bytes, &tf.err));
	for (size_t i = 0; i < n; i++)
		TF_OK(key_sign(tf.offline, names[i], NULL, &bytes, &sigs[i].key,
		    &sigs[i].sig, &tf.err));
	TF_OK(meta_file(bytes.data, bytes.len, sigs, n, file, &tf.err));
}

KILN_UNUSED static int
give(const char *role, const json_t *part, const char *const *names, size_t n)
{
	auto_buf struct buf file = BUF_INIT;

	signed_file(part, names, n, canon_json, &file);
	return collect_file(&tf.repo, role, file.data, file.len, &tf.err);
}

KILN_UNUSED static void
said(const char *words)
{
	if (!strstr(tf.err.msg, words))
		fail_msg("it says: %s", tf.err.msg);
	err_clear(&tf.err);
}

/* Targets by the right key, but not to be published: refused when it is
 * handed in, or by the check before the switch. */
KILN_UNUSED static void
targets_refused(json_t *part, const char *words)
{
	static const char *const key[] = { "targets-1" };

	if (give("targets", part, key, 1) == 0)
		assert_int_equal(tf_pass(), -1);
	said(words);
	assert_int_equal(tf_findings(), 0); /* clients see the old tree */
}

KILN_UNUSED static json_t *
delegation(json_t *part, const char *name)
{
	json_t *roles =
	    json_object_get(json_object_get(part, "delegations"), "roles");

	for (size_t i = 0; i < json_array_size(roles); i++) {
		json_t *o = json_array_get(roles, i);

		if (strcmp(json_string_value(json_object_get(o, "name")),
			name) == 0)
			return o;
	}
	fail_msg("no %s", name);
	return NULL;
}

KILN_UNUSED static void
first_tree(void)
{
	tf_release("dns-dhcp", "1", "image one");
	tf_release("kernel", "6.1", "kernel one");
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
}

KILN_UNUSED static void
pattern_refused(const char *pattern)
{
	auto_json json_t *part = next_of("targets");

	json_array_set_new(
	    json_object_get(delegation(part, "transport"), "paths"), 0,
	    json_string(pattern));
	targets_refused(part, "pattern");
}

#endif
