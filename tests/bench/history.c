/*
 * history STATE RUNS ROUTERS: gives a founded farm the records of two years:
 * RUNS runs with all that belongs to them in farm.db, ROUTERS routers with
 * their reports in web.db.  Every row is written by the function of the room
 * that writes it in earnest, under the uid that owns the database; only the
 * clock is ours.  The same words give the same rows but for the times.
 *
 * What an interrupted making left is gone on with; databases of an older
 * version are brought to this one.
 *
 * The store gets the records of the newest plans alone: a million logs would
 * measure the disk.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/drop.h"
#include "lib/farm.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tests/bench/history.h"

#define SPAN (INT64_C(2) * 365 * 86400)

static int64_t now, ends;

/* Linked in the place of lib's. */
int64_t __wrap_time_now(void);
int64_t
__wrap_time_now(void)
{
	return now;
}

int64_t __real_time_now(void);

void
history_clock(int64_t part, int64_t whole)
{
	now = ends - SPAN + SPAN / whole * part;
}

void
history_digest(struct hash *h, const char *what, int64_t a, int64_t b)
{
	struct hasher s;

	hasher_init(&s);
	hasher_field(&s, what, strlen(what));
	hasher_add(&s, &a, sizeof(a));
	hasher_add(&s, &b, sizeof(b));
	hasher_end(&s, h);
}

static int
child(const char *state, int64_t runs, int64_t routers)
{
	struct farm farm = FARM_INIT;
	struct err err = ERR_INIT;
	int rc;

	if (farm_enter(&farm, state, NULL, false, &err) == -1 ||
	    drop_to(runs ? ROLE_BUILDER : ROLE_WEB, &err) == -1)
		rc = -1;
	else
		rc = runs ? history_runs(&farm, runs, &err)
			  : history_routers(&farm, routers, &err);
	farm_release(&farm);
	if (rc == -1)
		printf("history: %s\n", err.msg);
	fflush(stdout);
	return rc == -1;
}

static int
wait_for(pid_t pid)
{
	int status = 1;

	return pid == -1 || waitpid(pid, &status, 0) != pid || status != 0;
}

int
main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	int64_t runs, routers;
	pid_t farm, web;

	if (argc != 4 || num_int(argv[2], 0, INT32_MAX, &runs, &err) == -1 ||
	    num_int(argv[3], 0, INT32_MAX, &routers, &err) == -1) {
		fprintf(stderr, "usage: history STATE RUNS ROUTERS\n");
		return 2;
	}
	ends = __real_time_now();
	/* Each event is a line of the log. */
	if (freopen("/dev/null", "w", stderr) == NULL)
		return 1;
	if ((farm = runs ? fork() : 0) == 0 && runs)
		_exit(child(argv[1], runs, 0));
	if ((web = routers ? fork() : 0) == 0 && routers)
		_exit(child(argv[1], 0, routers));
	return (runs && wait_for(farm)) | (routers && wait_for(web));
}
