#include "builder/inputs/facts_kept.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "builder/inputs/facts.h"
#include "builder/inputs/index.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

#define FOLDER "facts" /* below deb_archive.tmpdir */

static void
path_of(const struct hash *index, char path[sizeof(FOLDER) + HASH_HEX])
{
	memcpy(path, FOLDER "/", sizeof(FOLDER));
	hash_hex(index, path + sizeof(FOLDER));
}

static int
make(struct deb_archive *a, const struct hash *index, const char *path,
    struct err *err)
{
	auto_fd int xz = -1, dir = dir_make_at(a->tmpdir, FOLDER, 0700, err);
	auto_tmp struct tmp tmp = TMP_INIT;
	int64_t size;

	if (dir == -1 || store_get(a->store, index, &xz, err) == -1 ||
	    tmp_open(&tmp, a->tmpdir, 0600, err) == -1 ||
	    index_facts(&a->workers->index, xz, tmp.fd, err) == -1 ||
	    fd_size(tmp.fd, &size, err) == -1)
		return -1;
	if (size > (int64_t)FACTS_MAX)
		return err_set(err, ERR_INPUT,
		    "the index worker wrote %" PRId64 " bytes of facts", size);
	return tmp_link(&tmp, path, err);
}

static int
open_facts(
    struct deb_archive *a, const struct hash *index, int *fd, struct err *err)
{
	char path[sizeof(FOLDER) + HASH_HEX];

	path_of(index, path);
	*fd = -1;
	if (!file_exists_at(a->tmpdir, path) && make(a, index, path, err) == -1)
		return -1;
	*fd = file_open_at(a->tmpdir, path, O_RDONLY, 0, err);
	return *fd == -1 ? -1 : 0;
}

void
facts_make(struct deb_archive *a, const struct hash *index)
{
	struct err later = ERR_INIT;
	auto_fd int fd = -1;

	(void)open_facts(a, index, &fd, &later);
}

static int
compare(struct deb_archive *a, const struct hash *old, const struct hash *now,
    struct lock_names *names, struct err *err)
{
	auto_fd int was = -1, is = -1;

	if ((old && open_facts(a, old, &was, err) == -1) ||
	    (now && open_facts(a, now, &is, err) == -1))
		return -1;
	return index_diff(&a->workers->index, was, is, names, err);
}

static int
drop(struct deb_archive *a, const struct hash *index, struct err *err)
{
	char path[sizeof(FOLDER) + HASH_HEX];

	if (!index)
		return 0;
	path_of(index, path);
	return file_remove_at(a->tmpdir, path, err);
}

int
facts_between(struct deb_archive *a, const struct hash *old,
    const struct hash *now, struct lock_names *names, struct err *err)
{
	struct err damaged = ERR_INIT;

	if (compare(a, old, now, names, &damaged) == 0)
		return 0;
	/* Whatever it was: once more, from the indexes themselves. */
	if (drop(a, old, err) == -1 || drop(a, now, err) == -1)
		return -1;
	return compare(a, old, now, names, err);
}

/* --- what is not needed any more ----------------------------------------- */

static bool
in_set(const struct lock_set *set, const struct hash *index)
{
	for (size_t i = 0; i < set->n; i++)
		if (hash_equal(&set->v[i].packages, index) ||
		    hash_equal(&set->v[i].sources, index))
			return true;
	return false;
}

/* 1: some recipe's lock is known to hold for that index. */
static int
in_lock(struct db *db, const char *hex, struct err *err)
{
	static const char sql[] =
	    "SELECT 1 FROM recipe r JOIN lock_kept k ON k.lock = r.lock"
	    " WHERE instr(k.indexes, ?1) LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, hex);
	return stmt_step(q, err);
}

int
facts_sweep(struct deb_archive *a, const struct lock_set *now, struct err *err)
{
	auto_dir DIR *dir = NULL;
	const struct dirent *e;

	if (!file_exists_at(a->tmpdir, FOLDER))
		return 0;
	dir = dir_list_at(a->tmpdir, FOLDER, err);
	if (!dir)
		return -1;
	while ((e = readdir(dir)) != NULL) {
		struct hash index;
		int needed = 0;

		if (e->d_name[0] == '.')
			continue;
		if (hash_parse(&index, e->d_name))
			needed = in_set(now, &index)
				     ? 1
				     : in_lock(a->db, e->d_name, err);
		if (needed == -1 || (needed == 0 && file_remove_at(dirfd(dir),
							e->d_name, err) == -1))
			return -1;
	}
	return 0;
}
