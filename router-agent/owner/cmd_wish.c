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

/* What a word came to: an exit code. */
static int
ended(const struct options *o, int result, const struct err *err)
{
	if (result == -1)
		return cli_fail(o->where, err, o->json);
	if (o->json)
		printf("{\"done\":\"%s\"}\n", o->name);
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
	struct err err = ERR_INIT;
	struct options o;
	int64_t seconds = 0;
	int ret = options_words(
	    argc, argv, 1, 1, "it is: hold DURATION, or hold off", &o);

	if (ret != 0)
		return ret;
	if (strcmp(o.words[0], "off") != 0 &&
	    num_duration(o.words[0], &seconds, &err) == -1)
		return ended(&o, -1, &err);
	return ended(
	    &o, hold(&o, seconds > 0 ? time_now() + seconds : 0, &err), &err);
}

int
cmd_pin(int argc, char **argv)
{
	static const char form[] = "it is: pin, or pin off";
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_words(argc, argv, 0, 1, form, &o);

	if (ret != 0)
		return ret;
	if (o.n == 1 && strcmp(o.words[0], "off") != 0)
		return cli_usage(o.where, form);
	return ended(&o, hold(&o, o.n == 1 ? 0 : HOLD_FOR_EVER, &err), &err);
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
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_parse(argc, argv, &o);

	return ret ? ret : ended(&o, wish(&o, WISH_APPLY, o.plan, &err), &err);
}

int
cmd_confirm(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_words(
	    argc, argv, 1, 1, "it is: confirm HASH, of a plan", &o);

	return ret ? ret
		   : ended(&o, wish(&o, WISH_CONFIRM, o.words[0], &err), &err);
}

int
cmd_fetch(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_parse(argc, argv, &o);

	return ret ? ret : ended(&o, wish(&o, WISH_FETCH, NULL, &err), &err);
}

/* --- import -------------------------------------------------------------- */

int
cmd_import(int argc, char **argv)
{
	auto_free char *folder = NULL;
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_words(
	    argc, argv, 1, 1, "it is: import FOLDER, or a router file", &o);

	if (ret != 0)
		return ret;
	folder = realpath(o.words[0], NULL);
	if (!folder)
		ret = err_sys(&err, "%s", o.words[0]);
	else if (strlen(folder) >= WISH_FOLDER || strchr(folder, '\n'))
		ret = err_set(&err, ERR_INPUT, "the folder's name is too long");
	else
		ret = wish(&o, WISH_IMPORT, folder, &err);
	return ended(&o, ret, &err);
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
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_parse(argc, argv, &o);

	if (ret != 0)
		return ret;
	ret = o.previous ? wish(&o, WISH_PREVIOUS, NULL, &err) : undo(&o, &err);
	return ended(&o, ret, &err);
}
