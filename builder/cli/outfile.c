#include "builder/cli/outfile.h"

#include <errno.h>
#include <libgen.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

int
outfile_write(const char *path, outfile_fn *fn, void *arg, const char *where,
    bool json, struct err *err)
{
	auto_free char *dircopy = mem_str(path);
	auto_free char *namecopy = mem_str(path);
	auto_fd int dir = dir_open(dirname(dircopy), err);
	auto_tmp struct tmp tmp = TMP_INIT;
	pid_t pid;
	int status;

	if (dir == -1 || tmp_open(&tmp, dir, 0644, err) == -1)
		return -1;
	pid = fork();
	if (pid == -1)
		return err_sys(err, "fork");
	if (pid == 0) {
		if (fn(arg, tmp.fd, err) == -1)
			_exit(cli_fail(where, err, json));
		_exit(EXIT_DONE);
	}
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return err_sys(err, "wait for the writer");
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return WEXITSTATUS(status); /* it has said why */
	if (!WIFEXITED(status))
		return err_set(err, ERR_SYSTEM, "the writer was killed");
	return tmp_replace(&tmp, basename(namecopy), err);
}
