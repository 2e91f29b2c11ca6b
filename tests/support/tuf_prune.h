/*
 * Pruning a hand-made repository, and looking which images stayed.
 */
#ifndef KILN_TEST_TUF_PRUNE_H
#define KILN_TEST_TUF_PRUNE_H

#include "tests/support/tuf_farm.h"
#include "tuf-repo/prune.h"

static size_t
prune(bool dry)
{
	struct prune p = { .dry = dry };
	size_t n;

	TF_OK(prune_tree(&tf.repo, &p, &tf.err));
	n = json_object_size(p.removed);
	prune_release(&p);
	return n;
}

static bool
in_tree(const struct hash *image)
{
	char hex[HASH_HEX], *path;
	bool yes;

	hash_hex(image, hex);
	path = mem_printf("images/dns-dhcp/amd64/%s.%s", hex, hex);
	yes = file_exists_at(tf.repo.targets, path);
	free(path);
	return yes;
}

#endif
