#include "builder/bake/mkpath.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

int
mkpath(int dirfd, const char *path, struct err *err)
{
	struct err why = ERR_INIT;
	auto_fd int cur = dir_open_at(dirfd, *path ? path : ".", &why);
	struct span rest = span_str(path), part;

	/* Nearly always it is there. */
	if (cur != -1)
		return take_fd(&cur);
	if (why.cls != ERR_MISSING) {
		*err = why;
		return -1;
	}
	cur = dir_open_at(dirfd, ".", err);
	while (cur != -1 && span_next(&rest, '/', &part)) {
		auto_free char *name = mem_strn(part.p, part.n);
		int next;

		if (mkdirat(cur, name, 0755) == -1 && errno != EEXIST)
			return err_sys(err, "make folder %s", path);
		next = dir_open_at(cur, name, err);
		if (next == -1)
			return err_prefix(err, "%s", path);
		close(cur);
		cur = next;
	}
	return take_fd(&cur);
}

int
mkpath_parent(int dirfd, const char *path, const char **name, struct err *err)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir =
	    slash ? mem_strn(path, (size_t)(slash - path)) : mem_str("");

	*name = slash ? slash + 1 : path;
	return mkpath(dirfd, dir, err);
}
