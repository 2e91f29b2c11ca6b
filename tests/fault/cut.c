/*
 * cut: kills a program before one of its state-changing system calls.
 *
 *	cut DIR count COMMAND…      says how many there are
 *	cut DIR list COMMAND…       each of them, one per line
 *	cut DIR all N COMMAND…      SIGKILL to every program of ours before the
 *	                            Nth: what kill -9 of a service is
 *	cut DIR one N COMMAND…      … to the one that makes the call
 *	cut DIR ERROR N COMMAND…    from the Nth on, calls that write fail with
 *	                            ENOSPC, EROFS or EIO; N 0: all; N a path:
 *	                            from when there is such a file
 *
 * Counted are calls on the file system that DIR is on, and what is sent
 * through sockets.  What was counted goes to descriptor 3, a number; what was
 * killed, to stderr.  The command's exit status, 99 when the Nth call never
 * came, 98 when something outlived its kill by ten seconds.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/attr.h"
#include "tests/fault/trace.h"

struct cut {
	enum verdict_of_call how;
	bool list, fired;
	int64_t at, seen;
	const char *when; /* a path, instead of `at`; or NULL */
};

static bool
fails(const struct cut *cut)
{
	if (cut->when)
		return access(cut->when, F_OK) == 0;
	return cut->seen >= cut->at;
}

static enum verdict_of_call
enter(void *arg, struct call *c)
{
	struct cut *cut = arg;

	cut->seen++;
	if (cut->list)
		fprintf(stderr, "%jd %d %s %s\n", (intmax_t)cut->seen, c->tid,
		    c->name, c->what);
	if (cut->how == CALL_FAIL && fails(cut) &&
	    strncmp(c->name, "unlink", 6) != 0) {
		cut->fired = true;
		return CALL_FAIL;
	}
	if (cut->how == CALL_PASS || cut->seen != cut->at)
		return CALL_PASS;
	fprintf(stderr, "cut before call %jd: %s %s\n", (intmax_t)cut->seen,
	    c->name, c->what);
	cut->fired = true;
	return cut->how;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		enum verdict_of_call how;
		int fail;
	} modes[] = {
		{ "count", CALL_PASS, 0 },
		{ "list", CALL_PASS, 0 },
		{ "all", CALL_KILL_ALL, 0 },
		{ "one", CALL_KILL_ONE, 0 },
		{ "ENOSPC", CALL_FAIL, ENOSPC },
		{ "EROFS", CALL_FAIL, EROFS },
		{ "EIO", CALL_FAIL, EIO },
	};
	struct cut cut = { .how = CALL_PASS };
	struct tracer t = { .enter = enter, .arg = &cut };
	struct stat st;
	int status = 0, at = 3, rc;
	char text[24];
	size_t i;

	for (i = 0; argc > 3 && i < ARRAY_LEN(modes); i++)
		if (strcmp(argv[2], modes[i].name) == 0)
			break;
	if (argc < 4 || i == ARRAY_LEN(modes) || stat(argv[1], &st) == -1)
		return 97;
	cut.how = modes[i].how;
	cut.list = strcmp(argv[2], "list") == 0;
	t.fail = modes[i].fail;
	t.dev = st.st_dev;
	if (cut.how != CALL_PASS) {
		cut.when = argv[at][0] == '/' ? argv[at] : NULL;
		cut.at = strtoll(argv[at++], NULL, 10);
	}
	rc = trace_run(argv + at, &t, &status);
	snprintf(text, sizeof(text), "%jd\n", (intmax_t)cut.seen);
	if (write(3, text, strlen(text)) == -1)
		return 97;
	if (rc == -1)
		return 98;
	if (cut.how != CALL_PASS && !cut.fired)
		return 99;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
