#include "builder/exec/slurm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "builder/exec/ticket.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/spawn.h"

#define MIB ((int64_t)1 << 20)
#define SAID_MAX ((size_t)64 << 20)
#define WORDS 32

struct slurm {
	struct exec exec; /* first */
	struct slurm_conf conf;
	char *env_config; /* SLURM_CONF=…, or NULL */
};

static int
ask(struct slurm *s, const char *const *argv, int in, struct buf *out,
    struct err *err)
{
	const char *env[SPAWN_ENV + 2] = { NULL };
	struct spawn sp = SPAWN_INIT;

	for (size_t i = 0; i < SPAWN_ENV; i++)
		env[i] = spawn_env[i];
	env[SPAWN_ENV] = s->env_config;
	sp.argv = argv;
	sp.env = env;
	sp.in = in;
	return spawn_capture(&sp, SLURM_DEADLINE_MS, SAID_MAX, out, NULL, err);
}

/* --- submitting ------------------------------------------------------------*/

bool
slurm_is_final(const char *complaint)
{
	/* slurm_strerror() of what depends on the request alone. */
	static const char *const all[] = {
		"Requested node configuration is not available",
		"Invalid feature specification",
		"Invalid partition name",
		"invalid partition specified",
		"Invalid node name",
		"Memory specification can not be satisfied",
		"CPU count per node can not be satisfied",
		"CPU count specification invalid",
		"More processors requested than permitted",
		"Node count specification invalid",
		"Requested time limit is invalid",
		"Requested time limit exceeds partition",
		"User's group not permitted to use this partition",
		"Invalid account",
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (strstr(complaint, all[i]))
			return true;
	return false;
}

static int
script_fd(const char *script, struct err *err)
{
	auto_fd int fd = memfd_create("script", MFD_CLOEXEC);

	if (fd == -1)
		return err_sys(err, "memory for a script");
	if (fd_write_all(fd, script, strlen(script), err) == -1)
		return -1;
	if (lseek(fd, 0, SEEK_SET) == -1)
		return err_sys(err, "memory for a script");
	return take_fd(&fd);
}

static enum exec_submit
submit(struct exec *e, const struct exec_spec *x, char job[EXEC_ID],
    struct err *err)
{
	struct slurm *s = (struct slurm *)e;
	auto_free char *cpus = mem_printf("%d", x->cpus);
	auto_free char *memory =
	    mem_printf("%" PRId64 "M", (x->memory + MIB - 1) / MIB);
	auto_free char *limit = mem_printf("%" PRId64, (x->limit + 59) / 60);
	auto_free char *features = mem_printf("%s%s%s", x->arch,
	    s->conf.features[0] ? "&" : "", s->conf.features);
	const char *argv[WORDS] = { "sbatch", "--parsable", "--no-requeue",
		"-J", x->id, "-n", "1", "-c", cpus, "--mem", memory, "-t",
		limit, "-C", features, "-D", "/", "-o", "/dev/null", "-e",
		"/dev/null" };
	auto_buf struct buf out = BUF_INIT;
	auto_fd int script = script_fd(x->script, err);
	struct err none = ERR_INIT;
	int64_t number;
	size_t n = 21;

	job[0] = '\0';
	if (script == -1)
		return EXEC_REJECTED;
	if (s->conf.partition) {
		argv[n++] = "-p";
		argv[n++] = s->conf.partition;
	}
	if (x->exclude && x->exclude[0]) {
		argv[n++] = "-x";
		argv[n++] = x->exclude;
	}
	if (ask(s, argv, script, &out, err) == -1) {
		if (err->cls == ERR_MISSING || slurm_is_final(err->msg))
			return EXEC_REJECTED;
		return EXEC_UNSURE;
	}
	/* "NUMBER[;CLUSTER]" */
	out.data[strcspn(out.data, ";\n")] = '\0';
	if (num_int(out.data, 1, INT64_MAX, &number, &none) == 0)
		snprintf(job, EXEC_ID, "%" PRId64, number);
	return EXEC_ACCEPTED;
}

/* --- looking ---------------------------------------------------------------*/

static const struct {
	const char *word;
	enum exec_state state;
} states[] = {
	{ "PENDING", EXEC_WAITS }, { "CONFIGURING", EXEC_WAITS },
	{ "REQUEUED", EXEC_WAITS }, { "REQUEUE_FED", EXEC_WAITS },
	{ "REQUEUE_HOLD", EXEC_WAITS }, { "RESV_DEL_HOLD", EXEC_WAITS },
	{ "SUSPENDED", EXEC_RUNS }, { "RUNNING", EXEC_RUNS },
	{ "COMPLETING", EXEC_RUNS }, { "SIGNALING", EXEC_RUNS },
	{ "STAGE_OUT", EXEC_RUNS }, { "STOPPED", EXEC_RUNS },
	{ "RESIZING", EXEC_RUNS }, { "COMPLETED", EXEC_ENDED },
	{ "TIMEOUT", EXEC_LIMIT }, { "OUT_OF_MEMORY", EXEC_LIMIT },
	{ "DEADLINE", EXEC_LIMIT },
	/* NODE_FAIL, FAILED, CANCELLED, BOOT_FAIL, PREEMPTED, REVOKED,
	 * SPECIAL_EXIT, and what a later version knows: */
};

/* Cuts the line at '|' into exactly n fields. */
static bool
fields(char *line, char *out[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *bar = strchr(line, '|');

		out[i] = line;
		if ((bar == NULL) != (i == n - 1))
			return false;
		if (bar) {
			*bar = '\0';
			line = bar + 1;
		}
	}
	return true;
}

/* NULL: there is no more. */
static char *
next_line(char **rest)
{
	char *line = *rest, *end = strchr(line, '\n');

	if (!*line)
		return NULL;
	*rest = end ? end + 1 : line + strlen(line);
	if (end)
		*end = '\0';
	return line;
}

bool
slurm_queue_line(char *line, struct exec_seen *seen)
{
	char *f[5];
	const char *state;

	if (!fields(line, f, ARRAY_LEN(f)) || !exec_id_ok(f[1]))
		return false;
	*seen = (struct exec_seen){ .id = f[1],
		.job = strlen(f[0]) < EXEC_ID ? f[0] : "",
		.node = f[3],
		.why = strcmp(f[4], "None") == 0 ? "" : f[4],
		.state = EXEC_LOST };
	state = f[2];
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (strcmp(states[i].word, state) == 0)
			seen->state = states[i].state;
	/* A node could not start it, and it waits for an operator: it would
	 * for ever. */
	if (seen->state == EXEC_WAITS && strstr(seen->why, "requeued held"))
		seen->state = EXEC_LOST;
	if (seen->state >= EXEC_LOST && !seen->why[0])
		seen->why = state;
	return true;
}

static int
snapshot(struct exec *e, exec_seen_fn *fn, void *arg, struct err *err)
{
	static const char *const argv[] = { "squeue", "--me", "-h", "-t", "all",
		"-o", SLURM_QUEUE, NULL };
	auto_buf struct buf out = BUF_INIT;
	char *line, *rest = NULL;

	if (ask((struct slurm *)e, argv, -1, &out, err) == -1) {
		err->cls = ERR_BUSY;
		return -1;
	}
	rest = out.data;
	while ((line = next_line(&rest))) {
		struct exec_seen seen;

		if (slurm_queue_line(line, &seen))
			fn(arg, &seen);
	}
	return 0;
}

static int
cancel(struct exec *e, const char *id, struct err *err)
{
	const char *const argv[] = { "scancel", "--me", "-n", id, NULL };

	return ask((struct slurm *)e, argv, -1, NULL, err);
}

/* --- nodes -----------------------------------------------------------------*/

static int64_t
number_of(const char *text)
{
	struct err none = ERR_INIT;
	int64_t n;

	return num_int(text, 0, INT64_MAX / MIB, &n, &none) == -1 ? 0 : n;
}

bool
slurm_node_line(char *line, struct exec_node *n)
{
	char *f[7], *c[4], *p;
	size_t i;

	if (!fields(line, f, ARRAY_LEN(f)))
		return false;
	/* Allocated/idle/other/all. */
	for (i = 0, p = f[3]; i < 4 && p; i++) {
		c[i] = p;
		p = strchr(p, '/');
		if (p)
			*p++ = '\0';
	}
	if (i != 4)
		return false;
	*n = (struct exec_node){ .name = f[0],
		.features = strcmp(f[1], "(null)") == 0 ? "" : f[1],
		.state = f[2],
		.cpus = number_of(c[3]),
		.cpus_free = number_of(c[1]),
		.memory = number_of(f[4]) * MIB,
		.memory_free = number_of(f[5]) * MIB,
		.why = strcmp(f[6], "none") == 0 ? "" : f[6] };
	return true;
}

static int
capacity(struct exec *e, exec_node_fn *fn, void *arg, struct err *err)
{
	struct slurm *s = (struct slurm *)e;
	const char *argv[] = { "sinfo", "-h", "-N", "-o", SLURM_NODES, NULL,
		NULL, NULL };
	auto_buf struct buf out = BUF_INIT;
	char *line, *rest = NULL;

	if (s->conf.partition) {
		argv[5] = "-p";
		argv[6] = s->conf.partition;
	}
	if (ask(s, argv, -1, &out, err) == -1) {
		err->cls = ERR_BUSY;
		return -1;
	}
	rest = out.data;
	while ((line = next_line(&rest))) {
		struct exec_node n;

		if (slurm_node_line(line, &n))
			fn(arg, &n);
	}
	return 0;
}

static void
count(void *arg, const struct exec_node *n)
{
	(void)n;
	++*(int *)arg;
}

static int
health(struct exec *e, struct err *err)
{
	int nodes = 0;

	if (capacity(e, count, &nodes, err) == -1)
		return -1;
	if (nodes == 0)
		return err_set(err, ERR_BUSY, "slurm: it has no nodes%s%s",
		    ((struct slurm *)e)->conf.partition ? " in partition " : "",
		    ((struct slurm *)e)->conf.partition
			? ((struct slurm *)e)->conf.partition
			: "");
	return 0;
}

static void
close_slurm(struct exec *e)
{
	free(((struct slurm *)e)->env_config);
	free(e);
}

static const struct exec_ops ops = {
	.name = "slurm",
	.submit = submit,
	.snapshot = snapshot,
	.cancel = cancel,
	.capacity = capacity,
	.health = health,
	.close = close_slurm,
};

struct exec *
exec_slurm_open(const struct slurm_conf *conf)
{
	struct slurm *s = mem_zero(1, sizeof(*s));

	s->exec.ops = &ops;
	s->exec.event = -1;
	s->conf = *conf;
	if (conf->config)
		s->env_config = mem_printf("SLURM_CONF=%s", conf->config);
	return &s->exec;
}
