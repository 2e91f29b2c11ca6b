/* The owner's words to the agent that works. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/conf.h"
#include "router-agent/owner/commands.h"
#include "router-agent/owner/hold.h"
#include "router-agent/owner/options.h"
#include "router-agent/owner/wish.h"
#include "router-agent/state.h"

static int
done(const struct options *o, const char *word)
{
	if (o->json)
		printf("{\"done\":\"%s\"}\n", word);
	return EXIT_DONE;
}

/* The process that works on the folder. */
static int
worker(const struct options *o, pid_t *pid, struct err *err)
{
	auto_agent_conf struct agent_conf conf = { 0 };
	int64_t holder;

	if (agent_conf_read(&conf, o->config, err) == -1 ||
	    state_dir_holder(conf.state, &holder, err) == -1)
		return -1;
	*pid = (pid_t)holder;
	return 0;
}

static int
tell(pid_t pid, int sig, struct err *err)
{
	if (kill(pid, sig) == -1)
		return err_sys(err, "tell process %lld", (long long)pid);
	return 0;
}

/* --- hold, pin ----------------------------------------------------------- */

static int
hold(const struct options *o, int64_t until, struct err *err)
{
	auto_fd int dir = options_state(o, err);

	return dir == -1 ? -1 : hold_write(dir, until, err);
}

int
cmd_hold(int argc, char **argv)
{
	static const char where[] = "kiln-agent hold";
	struct err err = ERR_INIT;
	struct options o;
	int64_t seconds = 0;
	int ret = options_parse(argc, argv, where, &o);

	if (ret != 0)
		return ret;
	if (argc - optind != 1)
		return cli_usage(where, "it is: hold DURATION, or hold off");
	if ((strcmp(argv[optind], "off") != 0 &&
		num_duration(argv[optind], &seconds, &err) == -1) ||
	    hold(&o, seconds > 0 ? time_now() + seconds : 0, &err) == -1)
		return cli_fail(where, &err, o.json);
	return done(&o, "hold");
}

int
cmd_pin(int argc, char **argv)
{
	static const char where[] = "kiln-agent pin";
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_parse(argc, argv, where, &o);
	bool off = optind < argc && strcmp(argv[optind], "off") == 0;

	if (ret != 0)
		return ret;
	if (argc - optind != (off ? 1 : 0))
		return cli_usage(where, "it is: pin, or pin off");
	if (hold(&o, off ? 0 : HOLD_FOR_EVER, &err) == -1)
		return cli_fail(where, &err, o.json);
	return done(&o, "pin");
}

/* --- apply, confirm ------------------------------------------------------ */

/* The plan that waits, which must be the one that is meant, if one is. */
static int
planned(const struct options *o, const char *meant, struct hash *out,
    struct err *err)
{
	auto_json json_t *status = options_status(o, err);
	const json_t *plan = json_object_get(status, "plan");
	char hex[HASH_HEX];

	if (!status)
		return -1;
	if (!json_is_object(plan))
		return err_set(err, ERR_MISSING, "nothing newer is offered");
	if (js_hash("status", plan, "hash", out, err) == -1)
		return -1;
	hash_hex(out, hex);
	if (meant && strcmp(meant, hex) != 0)
		return err_set(
		    err, ERR_MISSING, "the plan is another one now: %s", hex);
	return 0;
}

static int
wish(const struct options *o, enum wish_kind kind, const char *meant,
    struct err *err)
{
	auto_fd int dir = -1;
	struct wish w = { .kind = kind };
	pid_t pid;

	if (kind == WISH_IMPORT)
		snprintf(w.folder, sizeof(w.folder), "%s", meant);

	if (worker(o, &pid, err) == -1)
		return -1;
	dir = options_state(o, err);
	if (dir == -1)
		return -1;
	if ((kind == WISH_CONFIRM || kind == WISH_APPLY) &&
	    planned(o, meant, &w.plan, err) == -1)
		return -1;
	if (wish_write(dir, &w, err) == -1)
		return -1;
	return tell(pid, SIGUSR1, err);
}

int
cmd_apply(int argc, char **argv)
{
	static const char where[] = "kiln-agent apply";
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_parse(argc, argv, where, &o);

	if (ret != 0)
		return ret;
	if (optind < argc)
		return cli_usage(where, "too many words: %s", argv[optind]);
	if (wish(&o, WISH_APPLY, o.plan, &err) == -1)
		return cli_fail(where, &err, o.json);
	return done(&o, "apply");
}

int
cmd_confirm(int argc, char **argv)
{
	static const char where[] = "kiln-agent confirm";
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_parse(argc, argv, where, &o);

	if (ret != 0)
		return ret;
	if (argc - optind != 1)
		return cli_usage(where, "it is: confirm HASH, of a plan");
	if (wish(&o, WISH_CONFIRM, argv[optind], &err) == -1)
		return cli_fail(where, &err, o.json);
	return done(&o, "confirm");
}

int
cmd_fetch(int argc, char **argv)
{
	static const char where[] = "kiln-agent fetch";
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_parse(argc, argv, where, &o);

	if (ret != 0)
		return ret;
	if (optind < argc)
		return cli_usage(where, "too many words: %s", argv[optind]);
	if (wish(&o, WISH_FETCH, NULL, &err) == -1)
		return cli_fail(where, &err, o.json);
	return done(&o, "fetch");
}

/* --- import -------------------------------------------------------------- */

int
cmd_import(int argc, char **argv)
{
	static const char where[] = "kiln-agent import";
	auto_free char *folder = NULL;
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_parse(argc, argv, where, &o);

	if (ret != 0)
		return ret;
	if (argc - optind != 1)
		return cli_usage(
		    where, "it is: import FOLDER, or a router file");
	folder = realpath(argv[optind], NULL);
	if (!folder)
		err_sys(&err, "%s", argv[optind]);
	else if (strlen(folder) >= WISH_FOLDER || strchr(folder, '\n'))
		err_set(&err, ERR_INPUT, "the folder's name is too long");
	if (err.cls != ERR_NONE || wish(&o, WISH_IMPORT, folder, &err) == -1)
		return cli_fail(where, &err, o.json);
	return done(&o, "import");
}

/* --- rollback ------------------------------------------------------------ */

/* The agent that works goes back by itself; nothing else touches machines. */
static int
undo(const struct options *o, struct err *err)
{
	auto_fd int dir = -1;
	auto_json json_t *status = NULL;
	pid_t pid;

	if (worker(o, &pid, err) == -1)
		return -1;
	status = options_status(o, err);
	if (!status)
		return -1;
	if (!json_is_object(json_object_get(status, "trial")))
		return err_set(err, ERR_MISSING,
		    "no set is on trial; --previous goes back from one that "
		    "was committed");
	return tell(pid, SIGUSR2, err);
}

int
cmd_rollback(int argc, char **argv)
{
	static const char where[] = "kiln-agent rollback";
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_parse(argc, argv, where, &o);

	if (ret != 0)
		return ret;
	if (optind < argc)
		return cli_usage(where, "too many words: %s", argv[optind]);
	if ((o.previous ? wish(&o, WISH_PREVIOUS, NULL, &err)
			: undo(&o, &err)) == -1)
		return cli_fail(where, &err, o.json);
	return done(&o, "rollback");
}
