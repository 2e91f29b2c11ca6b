#include "builder/cli/unit_log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

static int
copy(int from, int to, struct err *err)
{
	ssize_t n;

	while ((n = copy_file_range(from, NULL, to, NULL, 1 << 20, 0)) > 0)
		;
	return n == -1 ? err_sys(err, "copy") : 0;
}

int
unit_log_turn(int logdir, const char *name, int64_t max, struct err *err)
{
	auto_free char *log = mem_printf("%s.log", name);
	auto_free char *old = mem_printf("%s.log.1", name);
	auto_fd int from =
	    openat(logdir, log, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	auto_fd int to = -1;
	struct stat st;

	if (from == -1 && errno == ENOENT)
		return 0;
	if (from == -1 || fstat(from, &st) == -1)
		return err_sys(err, "look at log/%s", log);
	if (!S_ISREG(st.st_mode) || st.st_size < max)
		return 0;
	to = file_open_at(
	    logdir, old, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644, err);
	if (to == -1 || copy(from, to, err) == -1)
		return err_prefix(err, "keep log/%s", old);
	if (ftruncate(from, 0) == -1)
		return err_sys(err, "empty log/%s", log);
	return 0;
}
