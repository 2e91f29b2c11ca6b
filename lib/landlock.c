#include "lib/landlock.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/own.h"

/* linux/landlock.h of Debian 12 ends with the second version of seven. */
#define FS_EXECUTE (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_FIRST_ALL ((UINT64_C(1) << 13) - 1) /* version 1 */
#define FS_REFER (UINT64_C(1) << 13)	       /* 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)	       /* 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15)       /* 5 */
#define NET_TCP UINT64_C(3)		       /* 4: bind, connect */
#define SCOPE_ALL UINT64_C(3) /* 6: abstract sockets, signals */

#define CREATE_RULESET_VERSION 1U
#define RULE_PATH_BENEATH 1

struct ruleset {
	uint64_t fs, net, scoped;
};

struct beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

static int
version(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, (size_t)0,
	    CREATE_RULESET_VERSION);
}

/* What this version knows; what it does not know it cannot refuse. */
static size_t
fill(struct ruleset *r, int v)
{
	*r = (struct ruleset){ .fs = FS_FIRST_ALL };
	if (v >= 2)
		r->fs |= FS_REFER;
	if (v >= 3)
		r->fs |= FS_TRUNCATE;
	if (v >= 4)
		r->net = NET_TCP;
	if (v >= 5)
		r->fs |= FS_IOCTL_DEV;
	if (v >= 6)
		r->scoped = SCOPE_ALL;
	return v >= 6	? sizeof(*r)
	       : v >= 4 ? offsetof(struct ruleset, scoped)
			: offsetof(struct ruleset, net);
}

int
landlock_only(const int *dirfds, size_t n, struct err *err)
{
	const uint64_t files = FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR |
			       FS_MAKE_REG | FS_TRUNCATE;
	struct ruleset r;
	int v = version();
	size_t size;

#ifdef KILN_ASAN
	if (getenv("KILN_NO_SECCOMP"))
		return 0; /* the leak checker reads /proc */
#endif
	if (v == -1 && (errno == ENOSYS || errno == EOPNOTSUPP))
		return 0;
	if (v < 1)
		return err_sys(err, "ask for Landlock");
	size = fill(&r, v);
	auto_fd int set =
	    (int)syscall(SYS_landlock_create_ruleset, &r, size, 0U);
	if (set == -1)
		return err_sys(err, "make Landlock's rules");
	for (size_t i = 0; i < n; i++) {
		struct beneath b = { files & r.fs, dirfds[i] };

		if (syscall(SYS_landlock_add_rule, set, RULE_PATH_BENEATH, &b,
			0U) == -1)
			return err_sys(err, "add to Landlock's rules");
	}
	if (syscall(SYS_landlock_restrict_self, set, 0U) == -1)
		return err_sys(err, "hold to Landlock's rules");
	return 1;
}
