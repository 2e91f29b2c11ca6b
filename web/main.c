/*
 * kiln-web: serves the published tree and the dashboard, takes reports.
 * It holds no TUF key and can write web.db and spool/ only.
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/cli.h"
#include "lib/drop.h"
#include "lib/farm.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/account_cmd.h"
#include "web/fleet_cmd.h"
#include "web/schema.h"
#include "web/server.h"

static const char usage[] =
    "usage: kiln-web [--state DIR] [--listen ADDRESS:PORT] [--listen-fd N]\n"
    "       kiln-web [--state DIR] account set NAME ROLE\n"
    "       kiln-web [--state DIR] account token NAME SCOPE LIFETIME\n"
    "       kiln-web [--state DIR] fleet token [GROUP [LIFETIME]]\n"
    "       kiln-web [--state DIR] fleet list [STANDING]\n"
    "       kiln-web [--state DIR] fleet accept|hold|retire DEVICE [REASON]\n"
    "  serves the published tree and the dashboard; makes accounts, their\n"
    "  passwords read from standard input, and tokens of theirs; says which\n"
    "  devices belong to the fleet\n"
    "\n"
    "  --state DIR      folder of the farm\n"
    "  --listen A:P     listen here (127.0.0.1:8080); may be repeated\n"
    "  --listen-fd N    listen on this inherited socket too\n"
    "  --verbose        debug lines\n";

static int
stop_fd(struct err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd == -1 ? err_sys(err, "signalfd") : fd;
}

static int
open_web(struct web *w, const struct farm *farm, struct err *err)
{
	auto_free char *path = farm_file(farm, "web.db");
	struct err none = ERR_INIT;

	if (sodium_init() == -1)
		return err_set(err, ERR_SYSTEM, "libsodium does not start");
	w->path = farm->path;
	w->state = farm->dirfd;
	if ((w->metadata = farm_dir(farm, "tuf/metadata", err)) == -1 ||
	    (w->targets = farm_dir(farm, "tuf/targets", err)) == -1 ||
	    (w->store = farm_dir(farm, "store", err)) == -1)
		return -1;
	w->live = farm_dir(farm, "log/runs", &none);
	w->web = db_open(path, web_migrations, web_migrations_count, err);
	return w->web ? 0 : -1;
}

static int
serve(const char *state, int *listeners, size_t n, struct err *err)
{
	struct farm farm = FARM_INIT;
	struct web web = {
		.metadata = -1, .targets = -1, .store = -1, .live = -1
	};
	struct server server = { .n = 0 };
	auto_fd int lock = -1, stop = -1;
	size_t i;
	int ret = -1;

	if (farm_enter(&farm, state, NULL, false, err) == -1 ||
	    drop_to(ROLE_WEB, err) == -1)
		return -1;
	/* From here on nothing of root is left. */
	lock = lock_file_at(farm.dirfd, "run/web/lock", err);
	if (lock == -1 || (stop = stop_fd(err)) == -1 ||
	    open_web(&web, &farm, err) == -1 ||
	    drop_syscalls(false, true, err) == -1)
		goto done;
	for (i = 0; i < n; i++)
		if (server_add(&server, listeners[i], &web, err) == -1)
			goto done;
	log_info("serving", "sockets=%zu state=%s", n, farm.shown);
	ret = server_run(&server, stop, err);
done:
	server_release(&server);
	json_decref(web.records);
	free(web.live_streams);
	db_close(web.farm);
	db_close(web.tuf);
	db_close(web.web);
	own_close(&web.metadata);
	own_close(&web.targets);
	own_close(&web.store);
	own_close(&web.live);
	farm_release(&farm);
	return ret;
}

int
main(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "state", required_argument, NULL, 's' },
		{ "listen", required_argument, NULL, 'l' },
		{ "listen-fd", required_argument, NULL, 'f' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	struct err err = ERR_INIT;
	const char *state = NULL;
	int listeners[SERVER_SOCKETS], c;
	size_t n = 0;
	int64_t fd;

	log_open("kiln-web", false);
	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if ((c == 'l' || c == 'f') && n == SERVER_SOCKETS)
			return cli_usage("kiln-web", "too many sockets");
		switch (c) {
		case 's':
			state = optarg;
			break;
		case 'l':
			if ((listeners[n] = server_bind(optarg, &err)) == -1)
				return cli_fail("kiln-web", &err, false);
			n++;
			break;
		case 'f':
			if (num_int(optarg, 3, 255, &fd, &err) == -1 ||
			    fcntl((int)fd, F_SETFD, FD_CLOEXEC) == -1)
				return cli_usage("kiln-web",
				    "--listen-fd %s: not a descriptor", optarg);
			listeners[n++] = (int)fd;
			break;
		case 'v':
			log_verbose(true);
			break;
		case 'h':
			fputs(usage, stdout);
			return EXIT_DONE;
		case 'V':
			puts("kiln-web " KILN_VERSION);
			return EXIT_DONE;
		default:
			return cli_usage("kiln-web", "unknown option");
		}
	}
	if (optind < argc && strcmp(argv[optind], "account") == 0)
		return account_main(state, argc - optind, argv + optind);
	if (optind < argc && strcmp(argv[optind], "fleet") == 0)
		return fleet_main(state, argc - optind, argv + optind);
	if (optind < argc)
		return cli_usage(
		    "kiln-web", "%s: takes no words", argv[optind]);
	if (n == 0 &&
	    (listeners[n++] = server_bind("127.0.0.1:8080", &err)) == -1)
		return cli_fail("kiln-web", &err, false);
	if (serve(state, listeners, n, &err) == -1)
		return cli_fail("kiln-web", &err, false);
	return EXIT_DONE;
}
