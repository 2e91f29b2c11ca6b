#include "builder/bake/fixup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/bake/deb.h"
#include "builder/bake/mkpath.h"
#include "lib/fdio.h"
#include "lib/own.h"

enum kind {
	DIR_AT,	     /* an empty folder, mostly to mount something on */
	TEXT_AT,     /* a file with this text */
	MASTER_AT,   /* `from`, if it is there, and then this text */
	TOP_LINK,    /* a link of merged /usr */
	ALTERNATIVE, /* a link to a program beside it, if that is there and
		      * the name is free: the first of several wins */
};

static const char *const kind_name[] = {
	[DIR_AT] = "dir",
	[TEXT_AT] = "text",
	[MASTER_AT] = "master",
	[TOP_LINK] = "link",
	[ALTERNATIVE] = "alternative",
};

/* The users of both lanes, so that either can ask who it is. */
#define USERS                                      \
	"build:x:1000:1000:build:/build:/bin/sh\n" \
	"zork:x:4242:4242:zork:/tmp:/bin/sh\n"
#define GROUPS "build:x:1000:\nzork:x:4242:\n"

static const struct fixup {
	enum kind kind;
	const char *path;
	const char *text; /* or the link's target */
	const char *from;
} table[] = {
	{ TOP_LINK, "bin", "usr/bin", NULL },
	{ TOP_LINK, "sbin", "usr/sbin", NULL },
	{ TOP_LINK, "lib", "usr/lib", NULL },
	{ TOP_LINK, "lib32", "usr/lib32", NULL },
	{ TOP_LINK, "lib64", "usr/lib64", NULL },
	{ TOP_LINK, "libx32", "usr/libx32", NULL },

	{ DIR_AT, "usr/bin", NULL, NULL },
	{ DIR_AT, "build", NULL, NULL },
	{ DIR_AT, "out", NULL, NULL },
	{ DIR_AT, "kiln/recipe", NULL, NULL },
	{ DIR_AT, "kiln/sources", NULL, NULL },
	{ DIR_AT, "kiln/uses", NULL, NULL },
	{ TEXT_AT, "kiln/files", "", NULL },
	{ TEXT_AT, "kiln/assemble", "", NULL },
	{ DIR_AT, "proc", NULL, NULL },
	{ DIR_AT, "dev", NULL, NULL },
	{ DIR_AT, "tmp", NULL, NULL },
	{ DIR_AT, "run", NULL, NULL },
	{ DIR_AT, "var/tmp", NULL, NULL },

	{ MASTER_AT, "etc/passwd", USERS,
	    "usr/share/base-passwd/passwd.master" },
	{ MASTER_AT, "etc/group", GROUPS,
	    "usr/share/base-passwd/group.master" },
	{ TEXT_AT, "etc/hosts",
	    "127.0.0.1 localhost build zork.contrary.example zork\n"
	    "::1 localhost\n",
	    NULL },
	{ TEXT_AT, "etc/nsswitch.conf",
	    "passwd: files\ngroup: files\nshadow: files\nhosts: files\n"
	    "networks: files\nprotocols: files\nservices: files\n",
	    NULL },
	{ TEXT_AT, "etc/resolv.conf", "", NULL },
	{ TEXT_AT, "etc/machine-id", "", NULL },
	{ TEXT_AT, "var/lib/dpkg/status", "", NULL },

	{ ALTERNATIVE, "usr/bin/cc", "gcc", NULL },
	{ ALTERNATIVE, "usr/bin/cc", "clang", NULL },
	{ ALTERNATIVE, "usr/bin/c++", "g++", NULL },
	{ ALTERNATIVE, "usr/bin/c++", "clang++", NULL },
	{ ALTERNATIVE, "usr/bin/c89", "c89-gcc", NULL },
	{ ALTERNATIVE, "usr/bin/c99", "c99-gcc", NULL },
	{ ALTERNATIVE, "usr/bin/awk", "gawk", NULL },
	{ ALTERNATIVE, "usr/bin/awk", "mawk", NULL },
	{ ALTERNATIVE, "usr/bin/awk", "original-awk", NULL },
	{ ALTERNATIVE, "usr/bin/nawk", "gawk", NULL },
	{ ALTERNATIVE, "usr/bin/nawk", "mawk", NULL },
	{ ALTERNATIVE, "usr/bin/yacc", "bison.yacc", NULL },
	{ ALTERNATIVE, "usr/bin/yacc", "byacc", NULL },
	{ ALTERNATIVE, "usr/bin/which", "which.debianutils", NULL },
	{ ALTERNATIVE, "usr/bin/lzma", "xz", NULL },
	{ ALTERNATIVE, "usr/bin/unlzma", "unxz", NULL },
	{ ALTERNATIVE, "usr/bin/lzcat", "xzcat", NULL },
	{ ALTERNATIVE, "usr/bin/automake", "automake-1.16", NULL },
	{ ALTERNATIVE, "usr/bin/aclocal", "aclocal-1.16", NULL },
	{ ALTERNATIVE, "usr/bin/fakeroot", "fakeroot-sysv", NULL },
	{ ALTERNATIVE, "usr/bin/faked", "faked-sysv", NULL },
	{ ALTERNATIVE, "usr/bin/pager", "more", NULL },
	{ ALTERNATIVE, "usr/bin/mt", "mt-gnu", NULL },
	{ ALTERNATIVE, "usr/sbin/rmt", "rmt-tar", NULL },
	{ ALTERNATIVE, "usr/sbin/iptables", "iptables-nft", NULL },
	{ ALTERNATIVE, "usr/sbin/ip6tables", "ip6tables-nft", NULL },
	{ ALTERNATIVE, "usr/lib/cpp", "../bin/cpp", NULL },
};

static int
put_text(int dirfd, const struct fixup *f, struct err *err)
{
	const char *name;
	auto_fd int dir = mkpath_parent(dirfd, f->path, &name, err);
	auto_fd int fd = -1;
	auto_buf struct buf text = BUF_INIT;
	struct err why = ERR_INIT;

	if (dir == -1)
		return -1;
	if (f->from &&
	    file_read_at(dirfd, f->from, 1 << 20, &text, &why) == -1 &&
	    why.cls != ERR_MISSING) {
		*err = why;
		return -1;
	}
	buf_str(&text, f->text);
	if (unlinkat(dir, name, 0) == -1 && errno != ENOENT)
		return err_sys(err, "replace %s", f->path);
	fd = file_open_at(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0644, err);
	if (fd == -1 || fd_write_all(fd, text.data, text.len, err) == -1)
		return -1;
	if (fchmod(fd, 0644) == -1)
		return err_sys(err, "set the mode of %s", f->path);
	return 0;
}

static int
put_link(int dirfd, const struct fixup *f, struct err *err)
{
	const char *name;
	auto_fd int dir = mkpath_parent(dirfd, f->path, &name, err);
	struct stat st;

	if (dir == -1)
		return -1;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	/* No link is followed: gcc itself is one. */
	if (f->kind == ALTERNATIVE &&
	    fstatat(dir, f->text, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	if (symlinkat(f->text, dir, name) == -1)
		return err_sys(err, "link %s", f->path);
	return 0;
}

int
fixup_apply(int dirfd, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const struct fixup *f = &table[i];
		auto_fd int dir = -1;
		int rc = 0;

		switch (f->kind) {
		case DIR_AT:
			dir = mkpath(dirfd, f->path, err);
			rc = dir == -1 ? -1 : 0;
			break;
		case TEXT_AT:
		case MASTER_AT:
			rc = put_text(dirfd, f, err);
			break;
		case TOP_LINK:
		case ALTERNATIVE:
			rc = put_link(dirfd, f, err);
			break;
		}
		if (rc == -1)
			return err_prefix(err, "complete the environment");
	}
	return 0;
}

void
fixup_text(struct buf *b)
{
	buf_printf(b, "environment 1 clock %d\n", DEB_CLOCK);
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		buf_printf(b, "%s %s %s %s\n", kind_name[table[i].kind],
		    table[i].path, table[i].text ? table[i].text : "",
		    table[i].from ? table[i].from : "");
}
