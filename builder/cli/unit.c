#include "builder/cli/unit.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/cli/unit_log.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define STOP_MS 15000
#define FIRST_DELAY_MS 1000
#define LAST_DELAY_MS 60000

void
unit_init(struct unit *n, const char *name, const char *bin)
{
	*n = (struct unit){ .name = name,
		.netns = -1,
		.fd = -1,
		.child = CHILD_INIT,
		.delay_ms = FIRST_DELAY_MS };
	n->path = mem_printf("%s/%s", bin, name);
	n->argv[0] = n->path;
}

void
unit_program(struct unit *n, const char *bin, const char *program)
{
	free(n->path);
	n->path = mem_printf("%s/%s", bin, program);
	n->argv[0] = n->path;
}

void
unit_release(struct unit *n)
{
	free(n->path);
	n->path = NULL;
}

void
unit_arg(struct unit *n, const char *arg)
{
	size_t i = 0;

	while (n->argv[i])
		i++;
	assert(i + 1 < UNIT_ARGS);
	n->argv[i] = arg;
}

/* Owned; NULL: there are none. */
static char *
credentials_variable(void)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	return dir && dir[0] == '/'
		   ? mem_printf("CREDENTIALS_DIRECTORY=%s", dir)
		   : NULL;
}

int
unit_start(struct unit *n, const struct farm *farm, struct err *err)
{
	auto_fd int logdir = farm_dir(farm, "log", err);
	auto_free char *name = mem_printf("%s.log", n->name);
	auto_fd int out = -1;
	auto_free char *credentials = credentials_variable();
	const char *env[SPAWN_ENV + 2] = { NULL };
	struct spawn sp = SPAWN_INIT;

	if (logdir == -1)
		return -1;
	out = file_open_at(
	    logdir, name, O_WRONLY | O_CREAT | O_APPEND, 0644, err);
	if (out == -1)
		return -1;
	sp.argv = n->argv;
	sp.netns = n->netns;
	sp.out = out;
	sp.err = n->loud ? -1 : out;
	sp.die_with_parent = true;
	if (n->credentials && credentials) {
		memcpy(env, spawn_env, SPAWN_ENV * sizeof(*env));
		env[SPAWN_ENV] = credentials;
		sp.env = env;
	}
	if (n->fd != -1)
		sp.fds[sp.nfds++] = n->fd;
	if (spawn_start(&sp, &n->child, err) == -1)
		return err_prefix(err, "start %s", n->name);
	n->started_ms = time_mono_ms();
	n->restart_at = 0;
	return 0;
}

static void
ended(struct unit *n, const struct farm *farm, const struct spawn_end *end)
{
	auto_buf struct buf how = BUF_INIT;

	n->busy = end->code == EXIT_AGAIN ? n->busy + 1 : 0;
	if (n->may_end && end->code == EXIT_DONE)
		return;
	if (time_mono_ms() - n->started_ms > LAST_DELAY_MS)
		n->delay_ms = FIRST_DELAY_MS;
	n->restart_at = time_mono_ms() + n->delay_ms;
	spawn_end_text(end, &how);
	fprintf(stderr,
	    "kiln: %s ended (%s); starting it again in %lld s; what it "
	    "said is in %s/log/%s.log\n",
	    n->name, how.data, (long long)n->delay_ms / 1000, farm->shown,
	    n->name);
	if (n->delay_ms < LAST_DELAY_MS)
		n->delay_ms *= 2;
}

static void
look_at_log(struct unit *n, const struct farm *farm)
{
	struct err err = ERR_INIT;
	auto_fd int logdir = -1;

	if (time_mono_ms() < n->log_due_ms)
		return;
	n->log_due_ms = time_mono_ms() + UNIT_LOG_LOOK_MS;
	logdir = farm_dir(farm, "log", &err);
	if (logdir == -1 ||
	    unit_log_turn(logdir, n->name, UNIT_LOG_MAX, &err) == -1)
		log_err("log", &err);
}

void
unit_check(struct unit *n, const struct farm *farm)
{
	struct spawn_end end;
	struct err err = ERR_INIT;

	look_at_log(n, farm);
	if (n->child.pid && spawn_poll(&n->child, &end, &err) == 1) {
		ended(n, farm, &end);
	} else if (n->restart_at && time_mono_ms() >= n->restart_at &&
		   unit_start(n, farm, &err) == -1) {
		log_err("restart", &err);
		n->restart_at = time_mono_ms() + n->delay_ms;
	}
}

void
units_stop(struct unit *const *units, size_t n)
{
	struct spawn_end end;
	struct err err = ERR_INIT;
	size_t i;

	for (i = 0; i < n; i++)
		if (units[i]->child.pid)
			kill(units[i]->child.pid, SIGTERM);
	for (i = 0; i < n; i++)
		if (units[i]->child.pid &&
		    spawn_wait(&units[i]->child, STOP_MS, &end, &err) == -1)
			log_err("stop", &err);
}
