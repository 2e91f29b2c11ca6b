#include "builder/bake/build.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "builder/bake/lane.h"
#include "builder/bake/layout.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define MIB ((int64_t)1 << 20)
#define GIB ((int64_t)1 << 30)
#define PROCESSES 512
#define TMP_SIZE (512 * MIB)
#define DISK_FREE (256 * MIB)
#define DISK (16 * GIB) /* a kernel with all its objects has 3 and 110,000 */
#define FILES 400000
#define SILENCE_MS (20 * 60 * 1000)

void
build_limits(
    const struct budget *b, int64_t *process_memory, struct limits *out)
{
	/* A linker beside compilers: several processes may be large, but not
	 * all of them at once. */
	*process_memory = b->memory;
	*out = (struct limits){ .wall_ms = b->wall * 1000,
		.silence_ms = SILENCE_MS,
		.log = b->log,
		.output = b->output,
		.disk = DISK + b->output,
		.files = FILES,
		.memory = 2 * b->memory,
		.processes = PROCESSES,
		.disk_free = DISK_FREE };
}

static void fail(struct build_result *r, const char *cause, const char *fmt,
    ...) KILN_PRINTF(3, 4);
static void
fail(struct build_result *r, const char *cause, const char *fmt, ...)
{
	va_list ap;

	r->succeeded = false;
	snprintf(r->cause, sizeof(r->cause), "%s", cause);
	va_start(ap, fmt);
	vsnprintf(r->message, sizeof(r->message), fmt, ap);
	va_end(ap);
}

static void
fail_limit(struct build_result *r, const struct limits *l, const char *cause)
{
	auto_buf struct buf b = BUF_INIT;

	if (strcmp(cause, "timeout") == 0) {
		buf_str(&b, "it did not end within ");
		num_add_duration(&b, l->wall_ms);
	} else if (strcmp(cause, "silence") == 0) {
		buf_str(&b, "it said nothing for ");
		num_add_duration(&b, l->silence_ms);
	} else if (strcmp(cause, "log-size") == 0) {
		buf_str(&b, "it said more than ");
		num_add_size(&b, l->log);
	} else if (strcmp(cause, "output-size") == 0) {
		buf_str(&b, "its outputs grew above ");
		num_add_size(&b, l->output);
	} else if (strcmp(cause, "disk") == 0) {
		buf_str(&b, "it wrote more than ");
		num_add_size(&b, l->disk);
	} else if (strcmp(cause, "files") == 0) {
		buf_printf(&b, "it made more than %" PRId64 " files", l->files);
	} else if (strcmp(cause, "memory") == 0) {
		buf_str(&b, "its processes took more memory than ");
		num_add_size(&b, l->memory);
	} else if (strcmp(cause, "processes") == 0) {
		buf_printf(
		    &b, "it started %d processes at a time", l->processes);
	} else {
		buf_str(&b, "the disk got full while it ran");
	}
	fail(r, cause, "%s, and was stopped", b.data);
}

/* Starts it; *pipe: what it says. */
static int
start(const struct build_place *at, const struct build_order *o,
    const struct lane *lane, const struct layout *l, struct child *child,
    struct sandbox_jail *jail, int *out, struct err *err)
{
	/* The umask cannot be given to bwrap, and ours is every thread's. */
	const char *argv[] = { "/bin/sh", "-c",
		"umask \"$1\"; shift; exec \"$@\"", "sh", lane->umask,
		"/bin/sh", "-eu", NULL, NULL };
	auto_free char *script =
	    o->plan->stage == STAGE_IMAGE
		? mem_str("/kiln/assemble")
		: mem_printf("/kiln/recipe/%s", o->plan->script);
	const char *env[ARRAY_LEN(lane->env) + 1] = { NULL };
	auto_free char *name = mem_printf("run-%" PRId64, o->id);
	struct sandbox sb = { .root = o->root,
		.binds = l->binds,
		.nbinds = l->nbinds,
		.env = env,
		.argv = argv,
		.cwd = "/build",
		.hostname = lane->hostname,
		.uid = lane->uid,
		.gid = lane->gid,
		.cpus = lane->cpus,
		.first_cpu = o->first_cpu,
		.no_aslr = lane->no_aslr,
		.memory = o->process_memory,
		.file_size =
		    o->limits.output > 2 * GIB ? o->limits.output : 2 * GIB,
		/* The kernel's is the second wall: who meets ours is told. */
		.processes = o->limits.processes + 64,
		.cpu_seconds = 7 * 86400, /* the wall clock decides */
		.tmp_size = TMP_SIZE,
		.cgroups = at->cgroups,
		/* /tmp and /dev/shm lie in memory, too. */
		.total = { .memory = o->limits.memory + 2 * TMP_SIZE,
		    .processes = o->limits.processes + 64 },
		.name = name,
		.jail = jail };
	auto_fd int pipe_r = -1, pipe_w = -1;
	int pair[2];

	argv[7] = script;
	for (size_t i = 0; i < lane->nenv; i++)
		env[i] = lane->env[i].data;
	if (pipe2(pair, O_CLOEXEC) == -1)
		return err_sys(err, "make a pipe for the log");
	pipe_r = pair[0];
	pipe_w = pair[1];
	if (fcntl(pipe_r, F_SETFL, O_NONBLOCK) == -1)
		return err_sys(err, "make a pipe for the log");
	sb.out = pipe_w;
	if (sandbox_start(&sb, child, err) == -1)
		return -1;
	*out = take_fd(&pipe_r);
	return 0;
}

static struct store *
results(const struct build_place *at)
{
	return at->results ? at->results : at->store;
}

static void
judge(const struct build_place *at, const struct build_order *o,
    const struct layout *l, const struct watched *w, struct build_result *r)
{
	struct err err = ERR_INIT;
	const char *cause;

	r->stopped = w->stopped;
	if (w->stopped) {
		fail(r, "stopped", "the builder was told to stop");
	} else if (w->cause) {
		fail_limit(r, &o->limits, w->cause);
	} else if (!w->ran) {
		fail(r, "sandbox",
		    "bubblewrap could not build the sandbox: see the log");
	} else if (w->end.signal || w->end.code > 128) {
		int sig = w->end.signal ? w->end.signal : w->end.code - 128;

		fail(r, "signal", "its script was ended by signal %d (%s)", sig,
		    strsignal(sig));
	} else if (w->end.code != 0) {
		fail(r, "exit", "its script ended with status %d", w->end.code);
	} else if (collect(l->outdir, o->plan->outputs, o->plan->noutputs,
		       o->limits.output, results(at), &r->outputs, &cause,
		       &err) == -1) {
		fail(r, cause, "%s", err.msg);
	} else {
		r->succeeded = true;
	}
}

/* Causes that say nothing about the plan. */
static bool
machine_failed(const struct build_result *r)
{
	return !r->succeeded && (strcmp(r->cause, "sandbox") == 0 ||
				    strcmp(r->cause, "system") == 0 ||
				    strcmp(r->cause, "no-space") == 0 ||
				    strcmp(r->cause, "read-only") == 0);
}

/* The log gets kiln's own last line, goes to the store, and its name in
 * log/runs goes away. */
static int
end_log(const struct build_place *at, int log, const char *name,
    struct build_result *r, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	int64_t size;

	if (r->succeeded)
		buf_str(&b, "kiln: succeeded\n");
	else
		buf_printf(&b, "kiln: %s (cause=%s)\n", r->message, r->cause);
	if (fd_write_all(log, b.data, b.len, err) == -1)
		return err_prefix(err, "log");
	if (lseek(log, 0, SEEK_SET) == -1)
		return err_sys(err, "log");
	if (store_put(results(at), log, &r->log, &size, err) == -1)
		return err_prefix(err, "log");
	return file_remove_at(at->logdir, name, err);
}

static int
run(const struct build_place *at, const struct build_order *o,
    const struct lane *lane, struct layout *l, struct build_result *r,
    struct err *err)
{
	struct sandbox_jail jail = SANDBOX_JAIL_INIT;
	struct child child = CHILD_INIT;
	auto_free char *name = mem_printf("run-%" PRId64 ".log", o->id);
	auto_fd int log = -1, pipe = -1;
	struct watched w;

	if (layout_make(l, at->workdir, at->work_path, o->id, o->plan, lane,
		at->store, err) == -1)
		return -1;
	log = file_open_at(
	    at->logdir, name, O_RDWR | O_CREAT | O_TRUNC, 0644, err);
	if (log == -1)
		return err_prefix(err, "log");
	/* An image's files have the recipe's clock, whenever it is made. */
	if (o->apart && o->plan->stage == STAGE_BUILD)
		apart_begin(o->apart, o->stop);
	r->started = time_now();
	if (start(at, o, lane, l, &child, &jail, &pipe, err) == -1)
		return -1;
	if (watch(&child, &jail, pipe, log, l->outdir, l->builddir, &o->limits,
		o->stop, &w, err) == -1)
		return -1;
	r->finished = time_now();
	r->vary = lane->vary;
	r->wall_ms = w.end.wall_ms;
	r->cpu_ms = w.cpu_ms > w.end.cpu_ms ? w.cpu_ms : w.end.cpu_ms;
	r->max_rss_kib = w.max_rss_kib;
	judge(at, o, l, &w, r);
	if (end_log(at, log, name, r, err) == -1)
		return -1;
	if (!machine_failed(r))
		return 0;
	err_set(err, ERR_SYSTEM, "%s", r->message);
	if (strcmp(r->cause, "no-space") == 0)
		err->sys = ENOSPC;
	else if (strcmp(r->cause, "read-only") == 0)
		err->sys = EROFS;
	return -1;
}

int
build_run(const struct build_place *at, const struct build_order *o,
    struct build_result *r, struct err *err)
{
	auto_layout struct layout l = LAYOUT_INIT;
	struct err ignored = ERR_INIT;
	struct lane lane;
	int rc;

	*r = (struct build_result){ 0 };
	lane_init(
	    &lane, o->lane, o->vary, o->root, o->plan->arch, o->plan->clock);
	lane_hold(&lane, o->hold, o->root, o->hold_at);
	rc = run(at, o, &lane, &l, r, err);
	lane_release(&lane);
	if (rc == -1)
		build_result_release(r);
	/* Failing to tidy up is not the build's: recovery tries again. */
	if (layout_remove(&l, &ignored) == -1)
		err_clear(&ignored);
	return rc;
}

void
build_result_release(struct build_result *r)
{
	outputs_release(&r->outputs);
	json_decref(r->machine);
	r->machine = NULL;
}

/* "GenuineIntel": what kind of processor, no more. */
static void
cpu_vendor(char out[40])
{
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct span rest, line;

	snprintf(out, 40, "unknown");
	if (file_read("/proc/cpuinfo", 16 << 20, &text, &err) == -1)
		return;
	rest = span_buf(&text);
	while (span_next(&rest, '\n', &line)) {
		const char *colon = memchr(line.p, ':', line.n);
		struct span value;

		if (!colon || strncmp(line.p, "vendor_id", 9) != 0)
			continue;
		value = span_trim((struct span){
		    colon + 1, line.n - (size_t)(colon + 1 - line.p) });
		snprintf(out, 40, "%.*s", (int)value.n, value.p);
		return;
	}
}

json_t *
build_machine(void)
{
	json_t *j = json_object();
	struct utsname u;
	char vendor[40];
	char *dot;

	cpu_vendor(vendor);
	js_set_str(j, "cpu", vendor);
	uname(&u);
	/* "6.1.0-18-amd64": only the two first numbers. */
	dot = strchr(u.release, '.');
	dot = dot ? dot + 1 + strspn(dot + 1, "0123456789") : u.release;
	js_set(j, "kernel", json_stringn(u.release, (size_t)(dot - u.release)));
	js_set_int(j, "cores", sysconf(_SC_NPROCESSORS_ONLN));
	return j;
}

json_t *
build_record(const struct build_order *o, const struct build_result *r,
    const char *builder)
{
	json_t *j = js_record_new("kiln/run", 1), *list = json_array();
	char lane[2] = { o->lane, '\0' }, text[TIME_TEXT];

	js_set_hash(j, "plan", &o->plan->digest);
	js_set_str(j, "lane", lane);
	js_set_str(j, "builder", builder);
	js_set_str(j, "outcome", r->succeeded ? "succeeded" : "failed");
	js_set(j, "cause", r->succeeded ? json_null() : json_string(r->cause));
	time_text(r->started, text);
	js_set_str(j, "started", text);
	time_text(r->finished, text);
	js_set_str(j, "finished", text);
	js_set_hash(j, "environment", &o->environment);
	js_set(j, "machine",
	    r->machine ? json_deep_copy(r->machine) : build_machine());
	js_set(j, "variations", lane_varied(r->vary));
	for (size_t i = 0; i < r->outputs.n; i++) {
		json_t *one = json_object();

		js_set_str(one, "name", r->outputs.v[i].name);
		js_set_hash(one, "sha256", &r->outputs.v[i].sha256);
		js_set_int(one, "size", r->outputs.v[i].size);
		json_array_append_new(list, one);
	}
	js_set(j, "outputs", list);
	js_set_hash(j, "log", &r->log);
	return j;
}
