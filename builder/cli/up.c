/*
 * `kiln up`: the supervisor.  It is root when it can be, so that each program
 * can take a uid of its own; it starts them, restarts what falls, and does
 * what its watching child asks for by one of a few verbs.  It parses nothing
 * that another program wrote.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "builder/cli/cmd.h"
#include "builder/cli/demo_net.h"
#include "builder/cli/watch.h"
#include "lib/drop.h"
#include "lib/farm.h"
#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/sandbox.h"
#include "lib/spawn.h"

#define ARGS 24
#define CEREMONY_MS 60000
#define STOP_MS 15000

enum unit_id { UNIT_BUILDER, UNIT_TUF, UNIT_WEB, UNIT_AGENT, UNIT_COUNT };

/* A program that is kept running. */
struct unit {
	const char *name; /* also of its log: log/NAME.log */
	char *path;
	const char *argv[ARGS];
	int netns;
	int fd; /* given at number 3, or -1 */
	struct child child;
	int64_t restart_at; /* time_mono_ms, 0: not waiting */
	int64_t delay_ms;
	int64_t started_ms;
};

struct up {
	struct farm farm;
	struct demo_net net;
	struct unit units[UNIT_COUNT];
	struct child watch;
	int sock; /* to the watching child */
	int lock;
	int signals;
	char *bin; /* folder of the programs */
	char *agent_conf;
	const char *state_arg, *recipes_arg;
	const char *listen, *jobs;
	bool demo, once, offline, verbose;
	int64_t since;
};

static char *
program(const struct up *u, const char *name)
{
	return mem_printf("%s/%s", u->bin, name);
}

/* --- units -----------------------------------------------------------------*/

static int
unit_start(struct up *u, struct unit *n, struct err *err)
{
	auto_fd int logdir = farm_dir(&u->farm, "log", err);
	auto_free char *name = mem_printf("%s.log", n->name);
	auto_fd int out = -1;
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
	sp.err = u->verbose ? -1 : out;
	sp.die_with_parent = true;
	if (n->fd != -1)
		sp.fds[sp.nfds++] = n->fd;
	if (spawn_start(&sp, &n->child, err) == -1)
		return err_prefix(err, "start %s", n->name);
	n->started_ms = time_mono_ms();
	n->restart_at = 0;
	return 0;
}

static void
unit_set(struct up *u, enum unit_id id, const char *name, size_t argc)
{
	struct unit *n = &u->units[id];

	n->name = name;
	n->path = program(u, name);
	n->argv[0] = n->path;
	assert(argc < ARGS && n->argv[argc] == NULL);
}

static void
units_prepare(struct up *u)
{
	struct unit *b = &u->units[UNIT_BUILDER];
	struct unit *t = &u->units[UNIT_TUF];
	struct unit *w = &u->units[UNIT_WEB];
	size_t i, n;

	for (i = 0; i < UNIT_COUNT; i++) {
		u->units[i].netns = -1;
		u->units[i].fd = -1;
		u->units[i].child = (struct child)CHILD_INIT;
		u->units[i].delay_ms = 1000;
	}
	n = 1;
	b->argv[n++] = "--state";
	b->argv[n++] = u->farm.path;
	if (u->farm.recipes) {
		b->argv[n++] = "--recipes";
		b->argv[n++] = u->farm.recipes;
	}
	if (u->jobs) {
		b->argv[n++] = "--jobs";
		b->argv[n++] = u->jobs;
	}
	if (u->offline)
		b->argv[n++] = "--offline";
	unit_set(u, UNIT_BUILDER, "kiln-builder", n);
	n = 1;
	t->argv[n++] = "serve";
	t->argv[n++] = "--state";
	t->argv[n++] = u->farm.path;
	unit_set(u, UNIT_TUF, "kiln-tuf", n);
	n = 1;
	w->argv[n++] = "--state";
	w->argv[n++] = u->farm.path;
	w->argv[n++] = "--listen";
	w->argv[n++] = u->listen;
	if (u->demo && role_walls()) {
		w->argv[n++] = "--listen-fd";
		w->argv[n++] = "3";
		w->fd = u->net.listener;
	}
	unit_set(u, UNIT_WEB, "kiln-web", n);
}

/* A unit ended by itself: say so and try again later, each time later. */
static void
unit_ended(struct up *u, struct unit *n, const struct spawn_end *end)
{
	auto_buf struct buf how = BUF_INIT;

	if (time_mono_ms() - n->started_ms > 60000)
		n->delay_ms = 1000;
	n->restart_at = time_mono_ms() + n->delay_ms;
	spawn_end_text(end, &how);
	fprintf(stderr,
	    "kiln up: %s ended (%s); again in %lld s; it said, in "
	    "%s/log/%s.log\n",
	    n->name, how.data, (long long)n->delay_ms / 1000, u->farm.shown,
	    n->name);
	if (n->delay_ms < 60000)
		n->delay_ms *= 2;
}

static void
units_stop(struct up *u)
{
	static const enum unit_id order[] = { UNIT_AGENT, UNIT_BUILDER,
		UNIT_TUF, UNIT_WEB };
	struct spawn_end end;
	struct err err = ERR_INIT;
	size_t i;

	for (i = 0; i < ARRAY_LEN(order); i++)
		if (u->units[order[i]].child.pid)
			kill(u->units[order[i]].child.pid, SIGTERM);
	for (i = 0; i < ARRAY_LEN(order); i++)
		if (u->units[order[i]].child.pid &&
		    spawn_wait(
			&u->units[order[i]].child, STOP_MS, &end, &err) == -1)
			log_err("stop", &err);
}

/* --- verbs of the watching child -------------------------------------------*/

static bool
have_keys(const struct up *u)
{
	return file_exists_at(u->farm.dirfd, "keys/offline/root.key") ||
	       file_exists_at(u->farm.dirfd, "tuf/metadata/1.root.json");
}

/* The demonstration's ceremonies: roles for `services`, made on the first
 * start, added to later.  Not demo: only the operator holds those keys. */
static int
do_keys(struct up *u, struct ipc_msg *m, struct err *err)
{
	auto_free char *tuf = program(u, "kiln-tuf");
	const char *argv[ARGS * 2] = { tuf, have_keys(u) ? "delegate" : "init",
		"--state", u->farm.path, "--demo" };
	char *names[ARGS] = { NULL };
	size_t n = 5, i, got = 0;
	struct spawn sp = SPAWN_INIT;
	uint32_t count = 0;
	int ret = -1;

	if (ipc_get_u32(m, &count, err) == -1)
		return -1;
	if (count > 15)
		return err_set(err, ERR_INPUT, "too many services: %u", count);
	for (i = 0; i < count; i++) {
		if (ipc_get_str(m, 64, &names[i], err) == -1)
			goto done;
		got++;
		if (!name_ok(names[i])) {
			err_set(err, ERR_INPUT, "bad service name");
			goto done;
		}
		argv[n++] = "--service";
		argv[n++] = names[i];
	}
	if (ipc_end(m, err) == -1)
		goto done;
	sp.argv = argv;
	if (!u->demo)
		err_set(err, ERR_INPUT, "only the demonstration makes keys");
	else if (spawn_capture(
		     &sp, CEREMONY_MS, WATCH_TEXT_MAX, NULL, NULL, err) == 0)
		ret = 0;
	if (ret == 0 && u->units[UNIT_TUF].child.pid == 0)
		ret = unit_start(u, &u->units[UNIT_TUF], err);
done:
	for (i = 0; i < got; i++)
		free(names[i]);
	return ret;
}

static int
write_agent_conf(struct up *u, struct err *err)
{
	auto_fd int dir = dir_make_at(u->farm.dirfd, "router/demo", 0755, err);
	auto_fd int state = -1;
	auto_buf struct buf text = BUF_INIT, root = BUF_INIT;
	auto_free char *tuf = program(u, "kiln-tuf");
	const char *const argv[] = { tuf, "export-root", "--state",
		u->farm.path, NULL };
	struct spawn sp = SPAWN_INIT;

	if (dir == -1)
		return -1;
	state = dir_make_at(dir, "state", 0755, err);
	if (state == -1)
		return -1;
	/* A router is shipped with a root; it keeps the one it has. */
	if (!file_exists_at(dir, "root.json")) {
		sp.argv = argv;
		if (spawn_capture(
			&sp, CEREMONY_MS, 1 << 20, &root, NULL, err) == -1 ||
		    file_write_at(
			dir, "root.json", root.data, root.len, 0644, err) == -1)
			return -1;
	}
	buf_printf(&text,
	    "# Written by `kiln up --demo` at each start.\n"
	    "state: %s/router/demo/state\n"
	    "server: [%s]\n"
	    "channel: edge\n"
	    "arch: amd64\n"
	    "demo: true\n"
	    "trust:\n"
	    "  root: %s/router/demo/root.json\n"
	    "  min_keys: 1\n"
	    "poll: 30s\n"
	    "accel: auto\n"
	    "lan: {bridge: br-lan, address: %s, prefix: %d}\n"
	    "services:\n"
	    "  dns-dhcp:\n"
	    "    address: %s\n"
	    "    config:\n"
	    "      domain: lan\n"
	    "      hosts:\n"
	    "        - {name: router, address: %s}\n"
	    "        - {name: laptop, address: 192.0.2.100}\n"
	    "reports: full\n",
	    u->farm.path, DEMO_SERVER, u->farm.path, DEMO_ROUTER, DEMO_PREFIX,
	    DEMO_SERVICE, DEMO_SERVICE);
	return file_write_at(dir, "agent.yaml", text.data, text.len, 0644, err);
}

static int
do_router(struct up *u, struct err *err)
{
	struct unit *n = &u->units[UNIT_AGENT];

	if (!u->demo || n->child.pid)
		return 0;
	if (!role_walls())
		return err_set(err, ERR_INPUT,
		    "the demonstration router needs root for its network");
	if (write_agent_conf(u, err) == -1)
		return -1;
	n->argv[1] = "run";
	n->argv[2] = "--config";
	n->argv[3] = u->agent_conf;
	n->netns = u->net.router;
	unit_set(u, UNIT_AGENT, "kiln-agent", 4);
	return unit_start(u, n, err);
}

static int
do_status(struct up *u, struct buf *out, struct err *err)
{
	auto_free char *agent = program(u, "kiln-agent");
	const char *const argv[] = { agent, "status", "--json", "--config",
		u->agent_conf, NULL };
	struct spawn sp = SPAWN_INIT;

	sp.argv = argv;
	return spawn_capture(&sp, 10000, WATCH_TEXT_MAX / 2, out, NULL, err);
}

/* `dig` is a client that nobody here wrote. */
static int
do_query(struct up *u, struct ipc_msg *m, struct buf *out, struct err *err)
{
	auto_free char *address = NULL, *name = NULL, *at = NULL;
	struct spawn sp = SPAWN_INIT;

	if (ipc_get_str(m, 64, &address, err) == -1 ||
	    ipc_get_str(m, 253, &name, err) == -1 || ipc_end(m, err) == -1)
		return -1;
	if (!name_ok(address) || !name_ok(name))
		return err_set(err, ERR_INPUT, "bad query");
	at = mem_printf("@%s", address);
	const char *const argv[] = { "dig", "+noall", "+answer", "+stats",
		"+time=2", "+tries=3", at, name, "A", NULL };
	sp.argv = argv;
	sp.netns = u->net.lan;
	sp.uid = role_uid(ROLE_CLI);
	return spawn_capture(&sp, 20000, 8192, out, NULL, err);
}

/* 1: ready, 0: go on, -1: the child cannot be spoken with. */
static int
serve_watch(struct up *u, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	auto_buf struct buf out = BUF_INIT, reply = BUF_INIT;
	struct err why = ERR_INIT;
	int got, ret;

	got = ipc_recv(u->sock, 1000, &m, err);
	if (got <= 0)
		return got == 0 ? err_set(err, ERR_SYSTEM, "watch is gone")
				: -1;
	switch (m.type) {
	case WATCH_KEYS:
		ret = do_keys(u, &m, &why);
		break;
	case WATCH_ROUTER:
		ret = do_router(u, &why);
		break;
	case WATCH_STATUS:
		ret = do_status(u, &out, &why);
		break;
	case WATCH_QUERY:
		ret = do_query(u, &m, &out, &why);
		break;
	case WATCH_READY:
		ret = 0;
		break;
	default:
		return err_set(err, ERR_INPUT, "watch: unknown verb");
	}
	if (ret == 0) {
		ipc_add_bytes(&reply, out.data, out.len);
	} else {
		ipc_add_u32(&reply, why.cls);
		ipc_add_str(&reply, why.msg);
	}
	if (ipc_send(u->sock, ret == 0 ? WATCH_OK : WATCH_ERROR, &reply, NULL,
		0, err) == -1)
		return -1;
	return m.type == WATCH_READY;
}

static int
watch_start(struct up *u, struct err *err)
{
	static const char *const argv[] = { "kiln", "-x", "watch", NULL };
	auto_buf struct buf b = BUF_INIT;
	struct spawn sp = SPAWN_INIT;
	auto_free char *url = mem_printf("http://%s/", u->listen);
	int sv[2];

	if (ipc_pair(sv, err) == -1)
		return -1;
	sp.argv = argv;
	sp.exec_self = true;
	sp.die_with_parent = true;
	sp.fds[sp.nfds++] = sv[1];
	if (spawn_start(&sp, &u->watch, err) == -1) {
		close(sv[0]);
		close(sv[1]);
		return -1;
	}
	close(sv[1]);
	u->sock = sv[0];
	ipc_add_str(&b, u->farm.path);
	ipc_add_str(&b, u->farm.shown);
	ipc_add_str(&b, url);
	ipc_add_i64(&b, u->since);
	ipc_add_u32(&b, u->demo);
	ipc_add_u32(&b, u->once);
	ipc_add_u32(&b, have_keys(u));
	ipc_add_u32(&b, u->demo && role_walls());
	return ipc_send(u->sock, WATCH_SETUP, &b, NULL, 0, err);
}

/* --- the loop --------------------------------------------------------------*/

static void
units_check(struct up *u)
{
	struct spawn_end end;
	struct err err = ERR_INIT;
	size_t i;

	for (i = 0; i < UNIT_COUNT; i++) {
		struct unit *n = &u->units[i];

		if (n->child.pid && spawn_poll(&n->child, &end, &err) == 1)
			unit_ended(u, n, &end);
		else if (n->restart_at && time_mono_ms() >= n->restart_at &&
			 unit_start(u, n, &err) == -1) {
			log_err("restart", &err);
			n->restart_at = time_mono_ms() + n->delay_ms;
		}
	}
}

/* Until a signal, or the watching child ends; returns the exit status. */
static int
supervise(struct up *u)
{
	struct err err = ERR_INIT;
	struct spawn_end end;

	for (;;) {
		struct pollfd p[] = {
			{ .fd = u->signals, .events = POLLIN },
			{ .fd = u->sock, .events = POLLIN },
			{ .fd = u->watch.pidfd, .events = POLLIN },
		};
		struct signalfd_siginfo si;

		if (poll(p, ARRAY_LEN(p), 250) == -1 && errno != EINTR)
			return EXIT_FAILED;
		if (p[0].revents &&
		    read(u->signals, &si, sizeof(si)) == sizeof(si)) {
			fprintf(stderr, "\nkiln up: stopping\n");
			/* Leaving is what was asked for. */
			return u->once ? 128 + (int)si.ssi_signo : EXIT_DONE;
		}
		if (p[1].revents & POLLIN && serve_watch(u, &err) == -1)
			log_debug("watch", "msg=\"%s\"", err.msg);
		if (u->watch.pid && spawn_poll(&u->watch, &end, &err) == 1) {
			if (u->once || end.code != 0)
				return end.code >= 0 ? end.code : EXIT_FAILED;
			own_close(&u->sock);
			u->sock = -1;
		}
		units_check(u);
	}
}

static int
run(struct up *u, struct err *err)
{
	sigset_t set;
	int ret;

	if (farm_enter(&u->farm, u->state_arg, u->recipes_arg, true, err) == -1)
		return -1;
	/* Held until we end; a second one is told our pid. */
	u->lock = lock_file_at(u->farm.dirfd, "run/up.lock", err);
	if (u->lock == -1)
		return err_prefix(
		    err, "%s is in use by another kiln up", u->farm.shown);
	if (!role_walls())
		fprintf(stderr,
		    "kiln up: not root: all programs share one uid, so no wall "
		    "stands between them%s\n",
		    u->demo ? ", and there is no demonstration router" : "");
	if (sandbox_check(err) == -1)
		return err_prefix(err, "the build sandbox does not work here");
	u->agent_conf = mem_printf("%s/router/demo/agent.yaml", u->farm.path);
	if (u->demo && role_walls() && demo_net_open(&u->net, err) == -1)
		return -1;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	u->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (u->signals == -1)
		return err_sys(err, "signalfd");

	u->since = time_now();
	units_prepare(u);
	if (unit_start(u, &u->units[UNIT_BUILDER], err) == -1 ||
	    unit_start(u, &u->units[UNIT_WEB], err) == -1 ||
	    (have_keys(u) && unit_start(u, &u->units[UNIT_TUF], err) == -1) ||
	    watch_start(u, err) == -1) {
		units_stop(u);
		return -1;
	}
	ret = supervise(u);
	spawn_kill(&u->watch);
	units_stop(u);
	return ret;
}

int
cmd_up(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "demo", no_argument, NULL, 'd' },
		{ "once", no_argument, NULL, 'o' },
		{ "state", required_argument, NULL, 's' },
		{ "recipes", required_argument, NULL, 'r' },
		{ "listen", required_argument, NULL, 'l' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "offline", no_argument, NULL, 'O' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct up u = { .sock = -1,
		.lock = -1,
		.signals = -1,
		.net = { -1, -1, -1, -1 },
		.watch = CHILD_INIT,
		.listen = "127.0.0.1:8080" };
	struct err err = ERR_INIT;
	char self[4096];
	ssize_t n;
	int c, ret;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1)
		switch (c) {
		case 'd':
			u.demo = true;
			break;
		case 'o':
			u.once = true;
			break;
		case 's':
			u.state_arg = optarg;
			break;
		case 'r':
			u.recipes_arg = optarg;
			break;
		case 'l':
			u.listen = optarg;
			break;
		case 'j':
			u.jobs = optarg;
			break;
		case 'O':
			u.offline = true;
			break;
		case 'v':
			u.verbose = true;
			break;
		case 'h':
			return cli_help(&kiln_program, "up");
		default:
			return cli_usage("kiln up", "unknown option");
		}
	if (optind < argc)
		return cli_usage("kiln up", "%s: takes no words", argv[optind]);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0 || strrchr(self, '/') == NULL)
		return cli_usage("kiln up", "cannot find my own programs");
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	u.bin = mem_str(self);

	ret = run(&u, &err);
	demo_net_release(&u.net);
	farm_release(&u.farm);
	own_close(&u.lock);
	own_close(&u.signals);
	free(u.bin);
	free(u.agent_conf);
	return ret == -1 ? cli_fail("kiln up", &err, false) : ret;
}
