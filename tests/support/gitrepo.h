/*
 * Git repositories for tests, written by libgit2 as anybody's would be, and
 * by hand where no honest program would write them.
 */
#ifndef KILN_TEST_GITREPO_H
#define KILN_TEST_GITREPO_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <git2.h>

#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/mem.h"

static struct {
	git_repository *repo;
	char url[300]; /* file:///… */
} gitrepo;

static void KILN_UNUSED
git_must(int r, const char *what)
{
	const git_error *e = git_error_last();

	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, e ? e->message : "?");
	abort();
}

/* Bare, readable by everybody. */
static void KILN_UNUSED
gitrepo_make(const char *path)
{
	git_must(git_libgit2_init(), "libgit2");
	git_must(git_repository_init(&gitrepo.repo, path, 1), "init");
	snprintf(gitrepo.url, sizeof(gitrepo.url), "file://%s", path);
}

static void KILN_UNUSED
gitrepo_drop(void)
{
	git_repository_free(gitrepo.repo);
	gitrepo.repo = NULL;
	git_libgit2_shutdown();
}

static git_oid KILN_UNUSED
gitrepo_blob(const char *bytes)
{
	git_oid id;

	git_must(git_blob_create_from_buffer(
		     &id, gitrepo.repo, bytes, strlen(bytes)),
	    "blob");
	return id;
}

struct gitrepo_entry {
	const char *name;
	unsigned mode; /* 0100644 … */
	git_oid id;
};

/* As it stands: the order and the names are the caller's. */
static git_oid KILN_UNUSED
gitrepo_tree(const struct gitrepo_entry *v, size_t n)
{
	auto_buf struct buf b = BUF_INIT;
	git_odb *odb;
	git_oid id;

	for (size_t i = 0; i < n; i++) {
		buf_printf(&b, "%o %s", v[i].mode, v[i].name);
		buf_add(&b, "", 1);
		buf_add(&b, v[i].id.id, GIT_OID_RAWSZ);
	}
	git_must(git_repository_odb(&odb, gitrepo.repo), "odb");
	git_must(
	    git_odb_write(&id, odb, b.data, b.len, GIT_OBJECT_TREE), "tree");
	git_odb_free(odb);
	return id;
}

/* A commit without parents, so that each move of a ref is a forced one. */
static git_oid KILN_UNUSED
gitrepo_commit(const git_oid *tree, const char *message)
{
	auto_buf struct buf b = BUF_INIT;
	char hex[GIT_OID_HEXSZ + 1];
	git_odb *odb;
	git_oid id;

	git_oid_tostr(hex, sizeof(hex), tree);
	buf_printf(&b,
	    "tree %s\nauthor A <a@example.org> 1500000000 +0000\n"
	    "committer A <a@example.org> 1500000000 +0000\n\n%s\n",
	    hex, message);
	git_must(git_repository_odb(&odb, gitrepo.repo), "odb");
	git_must(git_odb_write(&id, odb, b.data, b.len, GIT_OBJECT_COMMIT),
	    "commit");
	git_odb_free(odb);
	return id;
}

static void KILN_UNUSED
gitrepo_ref(const char *name, const git_oid *id)
{
	git_reference *ref = NULL;

	git_must(git_reference_create(&ref, gitrepo.repo, name, id, 1, "test"),
	    "ref");
	git_reference_free(ref);
}

/* One file "hello" with these bytes, at that ref: its commit. */
static git_oid KILN_UNUSED
gitrepo_simple(const char *ref, const char *bytes)
{
	struct gitrepo_entry e = { "hello", 0100644, gitrepo_blob(bytes) };
	git_oid tree = gitrepo_tree(&e, 1);
	git_oid id = gitrepo_commit(&tree, bytes);

	gitrepo_ref(ref, &id);
	return id;
}

#endif
