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
#include "lib/kiln_yaml.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/account_cmd.h"
#include "web/asset.h"
#include "web/fleet_cmd.h"
#include "web/hot.h"
#include "web/schema.h"
#include "web/server.h"
#include "web/tls.h"

static const char usage[] =
    "usage: kiln-web [--state DIR] [--listen ADDRESS:PORT] [--listen-fd N]\n"
    "       kiln-web [--state DIR] account set NAME ROLE\n"
    "       kiln-web [--state DIR] account token NAME SCOPE LIFETIME\n"
    "       kiln-web [--state DIR] fleet token [GROUP [LIFETIME]]\n"
    "       kiln-web [--state DIR] fleet list [STANDING]\n"
    "       kiln-web [--state DIR] fleet accept|hold|retire DEVICE [REASON]\n"
    "       kiln-web [--state DIR] fleet update PACKAGE [ask]\n"
    "  serves the published tree and the dashboard; makes accounts, their\n"
    "  passwords read from standard input, and tokens of theirs; says which\n"
    "  devices belong to the fleet\n"
    "\n"
    "  --state DIR      folder of the farm\n"
    "  --listen A:P     listen here (127.0.0.1:8080); may be repeated\n"
    "  --listen-fd N    listen on this inherited socket too\n"
    "  --verbose        debug lines\n";

static int
signals_fd(int a, int b, struct err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, a);
	sigaddset(&set, b);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd == -1 ? err_sys(err, "signalfd") : fd;
}

/* kiln.yaml(5), `web` and `keep`. */
static int
read_settings(
    struct web *w, struct conf **c, int farm, bool *https, struct err *err)
{
	const struct conf_node *web, *keep;
	const char *certificate, *key;

	*https = false;
	if (kiln_yaml_read(c, farm, NULL, err) == -1)
		return -1;
	keep = *c ? conf_map(conf_root(*c), "keep") : NULL;
	if (keep)
		w->forget.keep_s = conf_int(keep, "reports", FORGET_KEEP_S);
	web = *c ? conf_map(conf_root(*c), "web") : NULL;
	if (web == NULL)
		return 0;
	w->approval = conf_bool(web, "approval", false);
	w->enrolled_only =
	    strcmp(conf_str(web, "reports", "all"), "enrolled") == 0;
	w->accounts_only =
	    strcmp(conf_str(web, "reading", "public"), "accounts") == 0;
	certificate = conf_str(web, "certificate", NULL);
	key = conf_str(web, "key", NULL);
	if ((certificate == NULL) != (key == NULL))
		return conf_error(
		    web, NULL, err, "certificate and key are given together");
	if (certificate == NULL)
		return 0;
	*https = true;
	return tls_load(certificate, key, err);
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
	if (w->web == NULL)
		return -1;
	db_patience(w->web, REQ_PATIENCE_MS);
	return 0;
}

struct listener {
	int fd;
	bool inherited; /* never HTTPS: a router's way, or a proxy's */
};

static int
serve(const char *state, const struct listener *l, size_t n, struct err *err)
{
	struct farm farm = FARM_INIT;
	struct web web = {
		.metadata = -1,
		.targets = -1,
		.store = -1,
		.live = -1,
		.forget = { .keep_s = FORGET_KEEP_S },
	};
	struct server server = { .n = 0 };
	auto_fd int lock = -1, stop = -1, again = -1;
	auto_conf struct conf *settings = NULL;
	bool https;
	size_t i;
	int ret = -1;

	if (farm_enter(&farm, state, NULL, false, err) == -1 ||
	    drop_to(ROLE_WEB, err) == -1)
		return -1;
	/* From here on nothing of root is left. */
	lock = lock_file_at(farm.dirfd, "run/web/lock", err);
	signal(SIGPIPE, SIG_IGN);
	if (lock == -1 || (stop = signals_fd(SIGINT, SIGTERM, err)) == -1 ||
	    (again = signals_fd(SIGHUP, SIGHUP, err)) == -1 ||
	    open_web(&web, &farm, err) == -1 ||
	    read_settings(&web, &settings, farm.dirfd, &https, err) == -1 ||
	    drop_syscalls(false, true, err) == -1)
		goto done;
	server.again = again;
	for (i = 0; i < n; i++)
		if (server_add(&server, l[i].fd, &web, https && !l[i].inherited,
			err) == -1)
			goto done;
	log_info("serving", "sockets=%zu https=%s state=%s", n,
	    https ? "yes" : "no", farm.shown);
	ret = server_run(&server, stop, err);
done:
	server_release(&server);
	tls_release();
	json_decref(web.records);
	hot_free(&web);
	asset_free();
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
	struct listener listeners[SERVER_SOCKETS];
	int c;
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
			listeners[n].inherited = false;
			listeners[n].fd = server_bind(optarg, &err);
			if (listeners[n++].fd == -1)
				return cli_fail("kiln-web", &err, false);
			break;
		case 'f':
			if (num_int(optarg, 3, 255, &fd, &err) == -1 ||
			    fcntl((int)fd, F_SETFD, FD_CLOEXEC) == -1)
				return cli_usage("kiln-web",
				    "--listen-fd %s: not a descriptor", optarg);
			listeners[n++] = (struct listener){ (int)fd, true };
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
	if (n == 0) {
		listeners[n].inherited = false;
		listeners[n].fd = server_bind("127.0.0.1:8080", &err);
		if (listeners[n++].fd == -1)
			return cli_fail("kiln-web", &err, false);
	}
	if (serve(state, listeners, n, &err) == -1)
		return cli_fail("kiln-web", &err, false);
	return EXIT_DONE;
}
