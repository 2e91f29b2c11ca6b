/*
 * `kiln up` and `kiln build`: the supervisor.  It is root when it can be, so
 * that each program can take a uid of its own; it starts them, restarts what
 * falls, and does what its watching child asks for by one of a few verbs.  It
 * parses nothing that another program wrote.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "builder/cli/cmd.h"
#include "builder/cli/up.h"
#include "lib/drop.h"
#include "lib/farm.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/spawn.h"

#define BUSY_TRIES 3

static void
units_prepare(struct up *u)
{
	static const char *const names[] = { "kiln-builder", "kiln-tuf",
		"kiln-upload", "kiln-web", "kiln-agent" };
	struct unit *b = &u->units[UNIT_BUILDER];
	struct unit *t = &u->units[UNIT_TUF];
	struct unit *s = &u->units[UNIT_UPLOAD];
	struct unit *w = &u->units[UNIT_WEB];
	struct unit *r = &u->units[UNIT_AGENT];
	size_t i;

	for (i = 0; i < UNIT_COUNT; i++) {
		unit_init(&u->units[i], names[i], u->farm.bin);
		u->units[i].loud = u->verbose;
	}
	unit_arg(b, "--state");
	unit_arg(b, u->farm.path);
	if (u->farm.recipes) {
		unit_arg(b, "--recipes");
		unit_arg(b, u->farm.recipes);
	}
	if (u->jobs) {
		unit_arg(b, "--jobs");
		unit_arg(b, u->jobs);
	}
	for (i = 0; i < u->nonly; i++) {
		unit_arg(b, "--only");
		unit_arg(b, u->only[i]);
	}
	if (u->offline)
		unit_arg(b, "--offline");
	t->credentials = true; /* the passphrase of its online keys */
	unit_arg(t, "serve");
	unit_arg(t, "--state");
	unit_arg(t, u->farm.path);
	/* It ends at once where kiln.yaml names no object store. */
	unit_program(s, u->farm.bin, "kiln-tuf");
	s->may_end = true;
	unit_arg(s, "upload");
	unit_arg(s, "--state");
	unit_arg(s, u->farm.path);
	unit_arg(w, "--state");
	unit_arg(w, u->farm.path);
	unit_arg(w, "--listen");
	unit_arg(w, u->listen);
	if (u->net.listener != -1) {
		unit_arg(w, "--listen-fd");
		unit_arg(w, "3");
		w->fd = u->net.listener;
	}
	unit_arg(r, "run");
	unit_arg(r, "--config");
	unit_arg(r, u->agent_conf);
}

/* --- the loop --------------------------------------------------------------*/

static void
stop_all(struct up *u)
{
	/* The router first: it still speaks with the others. */
	struct unit *const order[] = { &u->units[UNIT_AGENT],
		&u->units[UNIT_BUILDER], &u->units[UNIT_TUF],
		&u->units[UNIT_UPLOAD], &u->units[UNIT_WEB] };

	units_stop(order, ARRAY_LEN(order));
}

/* Until a signal, or the watching child ends; returns the exit status. */
static int
supervise(struct up *u, struct err *err)
{
	struct err said = ERR_INIT;
	struct spawn_end end;
	size_t i;

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
			fprintf(stderr, "\n%s: stopping\n", u->name);
			/* Leaving is what was asked for. */
			return u->once ? 128 + (int)si.ssi_signo : EXIT_DONE;
		}
		if (p[1].revents & POLLIN && up_watch_serve(u, &said) == -1)
			log_debug("watch", "msg=\"%s\"", said.msg);
		if (u->watch.pid && spawn_poll(&u->watch, &end, &said) == 1) {
			if (u->once || end.code != 0)
				return end.code >= 0 ? end.code : EXIT_FAILED;
			own_close(&u->sock);
			u->sock = -1;
		}
		for (i = 0; i < UNIT_COUNT; i++)
			unit_check(&u->units[i], &u->farm);
		/* One that was just killed may take a moment to go. */
		if (u->once && u->units[UNIT_BUILDER].busy >= BUSY_TRIES)
			return err_set(err, ERR_BUSY,
			    "another kiln-builder has %s and builds what "
			    "changes by itself: see `kiln builds`",
			    u->farm.shown);
	}
}

static int
start_all(struct up *u, struct err *err)
{
	if (unit_start(&u->units[UNIT_BUILDER], &u->farm, err) == -1)
		return -1;
	if (!u->alone &&
	    (unit_start(&u->units[UNIT_WEB], &u->farm, err) == -1 ||
		unit_start(&u->units[UNIT_UPLOAD], &u->farm, err) == -1 ||
		(up_have_keys(u) &&
		    unit_start(&u->units[UNIT_TUF], &u->farm, err) == -1)))
		return -1;
	return up_watch_start(u, err);
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
		return err_prefix(err,
		    "%s is in use by another kiln up or kiln build",
		    u->farm.shown);
	if (!role_walls())
		fprintf(stderr,
		    "%s: not root: all programs share one uid, so no wall "
		    "stands between them%s\n",
		    u->name,
		    u->demo ? ", and there is no demonstration router" : "");
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

	/* A cycle is known by its second: one of this second may be that of a
	 * builder before ours. */
	u->since = time_now() + 1;
	for (int i = 0; i < 100 && time_now() < u->since; i++)
		usleep(10000);
	units_prepare(u);
	if (start_all(u, err) == -1) {
		stop_all(u);
		return -1;
	}
	ret = supervise(u, err);
	spawn_kill(&u->watch);
	stop_all(u);
	return ret;
}

int
up_run(struct up *u)
{
	struct err err = ERR_INIT;
	int ret = run(u, &err);

	for (size_t i = 0; i < UNIT_COUNT; i++)
		unit_release(&u->units[i]);
	demo_net_release(&u->net);
	farm_release(&u->farm);
	own_close(&u->lock);
	own_close(&u->signals);
	free(u->agent_conf);
	return ret == -1 ? cli_fail(u->name, &err, false) : ret;
}

int
up_only(struct up *u, const char *recipe)
{
	for (size_t i = 0; i < u->nonly; i++)
		if (strcmp(u->only[i], recipe) == 0)
			return 0;
	if (u->nonly == UP_NAMES) {
		cli_usage(u->name, "more than %d recipes", UP_NAMES);
		return -1;
	}
	u->only[u->nonly++] = recipe;
	return 0;
}

/* What the demonstration's router runs; more would only take time. */
static int
only_demo(struct up *u)
{
	return up_only(u, "dns-dhcp") == -1 ? -1 : up_only(u, "kernel-debian");
}

int
cmd_up(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "demo", no_argument, NULL, 'd' },
		{ "once", no_argument, NULL, 'o' },
		{ "state", required_argument, NULL, 's' },
		{ "recipes", required_argument, NULL, 'r' },
		{ "recipe", required_argument, NULL, 'R' },
		{ "all", no_argument, NULL, 'a' },
		{ "listen", required_argument, NULL, 'l' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "offline", no_argument, NULL, 'O' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct up u = UP_INIT("kiln up");
	int c;

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
		case 'R':
			if (up_only(&u, optarg) == -1)
				return EXIT_USAGE;
			break;
		case 'a':
			u.all = true;
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
	if (u.all && u.nonly > 0)
		return cli_usage("kiln up", "--all and --recipe exclude each "
					    "other");
	if (u.demo && !u.all && only_demo(&u) == -1)
		return EXIT_USAGE;
	return up_run(&u);
}
