#include "builder/inputs/git_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "builder/inputs/git_mirror.h"
#include "lib/fdio.h"
#include "lib/own.h"

#define PATH_BYTES 4000
#define TARGET_MAX 4000

/* Where entries go: one of the two. */
struct walk {
	git_repository *repo;
	struct archive *tar;
	int dirfd;	 /* the folder to fill, or -1 */
	struct buf path; /* of the entry, below the root */
	size_t root;	 /* bytes of `path` that are the tar's own name */
	int64_t files, bytes, limit;
	int depth;
};

static int
tar_err(const struct walk *w, struct err *err)
{
	const char *text = archive_error_string(w->tar);

	err_set(err, ERR_SYSTEM, "%s: %s", w->path.data, text ? text : "tar");
	err->sys = archive_errno(w->tar);
	return -1;
}

static int
put(struct walk *w, mode_t type, mode_t mode, const char *target,
    const void *bytes, size_t n, struct err *err)
{
	struct archive_entry *e = archive_entry_new();
	int r;

	archive_entry_set_pathname(e, w->path.data);
	archive_entry_set_filetype(e, type);
	archive_entry_set_perm(e, mode);
	archive_entry_set_mtime(e, GIT_TREE_CLOCK, 0);
	archive_entry_set_size(e, (la_int64_t)n);
	if (target)
		archive_entry_set_symlink(e, target);
	r = archive_write_header(w->tar, e);
	archive_entry_free(e);
	if (r != ARCHIVE_OK ||
	    (n && archive_write_data(w->tar, bytes, n) != (la_ssize_t)n))
		return tar_err(w, err);
	return 0;
}

static int
put_file(
    struct walk *w, mode_t mode, const void *bytes, size_t n, struct err *err)
{
	auto_fd int fd = -1;

	if (w->dirfd == -1)
		return put(w, AE_IFREG, mode, NULL, bytes, n, err);
	fd = openat(w->dirfd, w->path.data,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd == -1)
		return err_sys(err, "make %s", w->path.data);
	return fd_write_all(fd, bytes, n, err);
}

static int
put_dir(struct walk *w, struct err *err)
{
	if (w->dirfd == -1)
		return put(w, AE_IFDIR, 0755, NULL, NULL, 0, err);
	if (mkdirat(w->dirfd, w->path.data, 0755) == -1)
		return err_sys(err, "make %s", w->path.data);
	return 0;
}

/* Up at most to the root, then only down: whatever lies on the way, links of
 * the same kind, leads nowhere else. */
static bool
target_ok(const char *target, size_t n, int depth)
{
	bool down = false;

	if (n == 0 || n > TARGET_MAX || target[0] == '/' ||
	    memchr(target, '\0', n))
		return false;
	for (size_t i = 0; i < n;) {
		size_t len = 0;

		while (i + len < n && target[i + len] != '/')
			len++;
		if (len == 2 && memcmp(target + i, "..", 2) == 0) {
			if (down || depth-- == 0)
				return false;
		} else if (len > 0 && !(len == 1 && target[i] == '.')) {
			down = true;
		}
		i += len + 1;
	}
	return true;
}

static int
put_link(struct walk *w, const char *bytes, size_t n, struct err *err)
{
	char target[TARGET_MAX + 1];

	if (w->dirfd != -1)
		return err_set(err, ERR_INPUT,
		    "%s is a symbolic link: recipes have none", w->path.data);
	if (!target_ok(bytes, n, w->depth))
		return err_set(err, ERR_INPUT,
		    "%s is a symbolic link that leads out of the tree",
		    w->path.data + w->root);
	memcpy(target, bytes, n);
	target[n] = '\0';
	return put(w, AE_IFLNK, 0777, target, NULL, 0, err);
}

static int
put_blob(struct walk *w, const git_tree_entry *e, struct err *err)
{
	git_filemode_t mode = git_tree_entry_filemode(e);
	git_blob *blob = NULL;
	git_object_t type;
	git_odb *odb = NULL;
	size_t size;
	int r;

	/* Its size before its bytes. */
	r = git_repository_odb(&odb, w->repo);
	if (r == 0)
		r = git_odb_read_header(
		    &size, &type, odb, git_tree_entry_id(e));
	git_odb_free(odb);
	if (r != 0)
		return git_failed(ERR_INPUT, err, "%s", w->path.data);
	if ((int64_t)size > w->limit - w->bytes)
		return err_set(err, ERR_INPUT,
		    "the files have more than the %lld bytes allowed",
		    (long long)w->limit);
	w->bytes += (int64_t)size;
	if (git_blob_lookup(&blob, w->repo, git_tree_entry_id(e)) != 0)
		return git_failed(ERR_INPUT, err, "%s", w->path.data);
	if (mode == GIT_FILEMODE_LINK)
		r = put_link(w, git_blob_rawcontent(blob),
		    (size_t)git_blob_rawsize(blob), err);
	else
		r = put_file(w,
		    mode == GIT_FILEMODE_BLOB_EXECUTABLE ? 0755 : 0644,
		    git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob),
		    err);
	git_blob_free(blob);
	return r;
}

static bool
entry_name_ok(const char *name)
{
	if (*name == '\0' || strlen(name) > 255 || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0 || strcasecmp(name, ".git") == 0)
		return false;
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f || *c == '/')
			return false;
	return true;
}

static int walk_tree(struct walk *, const git_oid *, struct err *);

static int
walk_entry(struct walk *w, const git_tree_entry *e, struct err *err)
{
	switch (git_tree_entry_filemode(e)) {
	case GIT_FILEMODE_TREE:
		if (put_dir(w, err) == -1)
			return -1;
		return walk_tree(w, git_tree_entry_id(e), err);
	case GIT_FILEMODE_BLOB:
	case GIT_FILEMODE_BLOB_EXECUTABLE:
	case GIT_FILEMODE_LINK:
		return put_blob(w, e, err);
	case GIT_FILEMODE_COMMIT:
		return err_set(err, ERR_INPUT,
		    "%s is a submodule: name its repository as a source of "
		    "its own",
		    w->path.data + w->root);
	default:
		return err_set(err, ERR_INPUT, "%s is of no known kind",
		    w->path.data + w->root);
	}
}

static int
walk_entries(struct walk *w, const git_tree *tree, struct err *err)
{
	size_t before = w->path.len;

	for (size_t i = 0; i < git_tree_entrycount(tree); i++) {
		const git_tree_entry *e = git_tree_entry_byindex(tree, i);
		const char *name = git_tree_entry_name(e);

		if (++w->files > GIT_TREE_FILES)
			return err_set(err, ERR_INPUT,
			    "the tree has more than the %d entries allowed",
			    GIT_TREE_FILES);
		if (!entry_name_ok(name) ||
		    before + strlen(name) + 1 > PATH_BYTES)
			return err_set(err, ERR_INPUT,
			    "%s holds a name that no file may have",
			    before ? w->path.data : "the tree");
		if (before)
			buf_char(&w->path, '/');
		buf_str(&w->path, name);
		if (walk_entry(w, e, err) == -1)
			return -1;
		w->path.len = before;
		w->path.data[before] = '\0';
	}
	return 0;
}

static int
walk_tree(struct walk *w, const git_oid *id, struct err *err)
{
	git_tree *tree = NULL;
	int r;

	if (w->depth == GIT_TREE_DEPTH)
		return err_set(err, ERR_INPUT,
		    "the tree is deeper than the %d folders allowed",
		    GIT_TREE_DEPTH);
	if (git_tree_lookup(&tree, w->repo, id) != 0)
		return git_failed(ERR_INPUT, err, "a tree");
	/* `depth` of an entry: folders above it, below the root. */
	if (w->path.len > w->root)
		w->depth++;
	r = walk_entries(w, tree, err);
	if (w->path.len > w->root)
		w->depth--;
	git_tree_free(tree);
	return r;
}

int
git_tree_tar(git_repository *repo, git_commit *commit, const char *name,
    int64_t limit, int fd, struct err *err)
{
	struct walk w = { .repo = repo,
		.tar = archive_write_new(),
		.dirfd = -1,
		.path = BUF_INIT,
		.limit = limit };
	int r = 0;

	buf_str(&w.path, name);
	w.root = w.path.len;
	/* GNU tar's form takes names as bytes, of any length. */
	if (archive_write_set_format_gnutar(w.tar) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(w.tar, 1) != ARCHIVE_OK ||
	    archive_write_open_fd(w.tar, fd) != ARCHIVE_OK)
		r = tar_err(&w, err);
	if (r == 0)
		r = put_dir(&w, err);
	if (r == 0)
		r = walk_tree(&w, git_commit_tree_id(commit), err);
	if (r == 0 && archive_write_close(w.tar) != ARCHIVE_OK)
		r = tar_err(&w, err);
	archive_write_free(w.tar);
	buf_release(&w.path);
	return r;
}

int
git_tree_files(git_repository *repo, git_commit *commit, const char *folder,
    int64_t limit, int dirfd, struct err *err)
{
	struct walk w = {
		.repo = repo, .dirfd = dirfd, .path = BUF_INIT, .limit = limit
	};
	git_oid id = *git_commit_tree_id(commit);
	int r;

	if (*folder) {
		git_tree_entry *e = NULL;
		git_tree *top = NULL;

		r = git_commit_tree(&top, commit);
		if (r == 0)
			r = git_tree_entry_bypath(&e, top, folder);
		if (r == 0)
			id = *git_tree_entry_id(e);
		if (r == 0 && git_tree_entry_type(e) != GIT_OBJECT_TREE)
			r = GIT_ENOTFOUND;
		git_tree_entry_free(e);
		git_tree_free(top);
		if (r != 0)
			return err_set(err, ERR_MISSING,
			    "the commit has no folder %s", folder);
	}
	r = walk_tree(&w, &id, err);
	buf_release(&w.path);
	return r;
}
