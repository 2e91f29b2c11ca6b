#include "router-agent/owner/commands.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/cli.h"
#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/agent.h"
#include "router-agent/change/probe_dns.h"
#include "router-agent/owner/hold.h"
#include "router-agent/owner/report.h"
#include "router-agent/owner/status.h"
#include "router-agent/plan.h"
#include "router-agent/trust/verify.h"

#define STATUS_MAX (1 << 20)
#define PROBE_MS 5000
#define VERIFY_MS (20 * 60 * 1000)

struct options {
	const char *config;
	bool json, once, show, syslog, check, tcp, why;
};

/* 0, or an exit code. */
static int
parse(int argc, char **argv, const char *where, struct options *o)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "once", no_argument, NULL, '1' },
		{ "show", no_argument, NULL, 's' },
		{ "syslog", no_argument, NULL, 'l' },
		{ "tcp", no_argument, NULL, 't' },
		{ "why", no_argument, NULL, 'w' },
		{ 0 },
	};
	int c;

	*o = (struct options){ .config = AGENT_CONF_DEFAULT };
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:n", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 'j':
			o->json = true;
			break;
		case '1':
			o->once = true;
			break;
		case 's':
			o->show = true;
			break;
		case 'l':
			o->syslog = true;
			break;
		case 'n':
			o->check = true;
			break;
		case 't':
			o->tcp = true;
			break;
		case 'w':
			o->why = true;
			break;
		case ':':
			return cli_usage(
			    where, "%s needs a value", argv[optind - 1]);
		default:
			return cli_usage(
			    where, "unknown option %s", argv[optind - 1]);
		}
	}
	return 0;
}

int
cmd_run(int argc, char **argv)
{
	static const char where[] = "kiln-agent run";
	auto_agent_conf struct agent_conf conf = { 0 };
	struct err err = ERR_INIT;
	struct agent *a;
	struct options o;
	int ret = parse(argc, argv, where, &o);

	if (ret != 0)
		return ret;
	if (optind < argc)
		return cli_usage(where, "too many words: %s", argv[optind]);
	if (o.check) {
		if (agent_conf_read(&conf, o.config, &err) == -1)
			return cli_fail(where, &err, false);
		return EXIT_DONE;
	}
	if (!role_walls()) {
		err_set(&err, ERR_INPUT,
		    "root is needed to make interfaces and to give each part "
		    "a uid of its own");
		return cli_fail(where, &err, false);
	}
	log_open("kiln-agent", o.syslog);
	a = mem_zero(1, sizeof(*a));
	if (agent_open(a, o.config, &err) == -1) {
		free(a);
		return cli_fail(where, &err, false);
	}
	ret = agent_run(a, o.once);
	agent_release(a);
	free(a);
	return ret;
}

/* --- check --------------------------------------------------------------- */

static int
show_check(
    const struct state *s, const struct set *set, bool json, struct err *err)
{
	const struct state_bad *bad = state_is_bad(s, &set->sha256);
	bool same = s->current && hash_equal(&s->current->sha256, &set->sha256);
	auto_buf struct buf text = BUF_INIT;
	struct plan plan;
	int64_t available;

	if (plan_memory(&available, err) == -1 ||
	    plan_make(s->current, set, available, &plan, err) == -1)
		return -1;
	if (json) {
		auto_json json_t *j = json_object();

		js_set(j, "offered", set_json(set));
		js_set_bool(j, "current", same);
		js_set_bool(j, "bad", bad != NULL);
		js_set_str(j, "cause", bad ? bad->cause : NULL);
		js_set_bool(j, "beside", plan.beside);
		js_text(j, true, &text);
		printf("%s\n", text.data);
		return 0;
	}
	printf("set %lld of %s/%s is offered%s\n", (long long)set->counter,
	    set->channel, set->arch,
	    same  ? " and runs"
	    : bad ? " and was rolled back before"
		  : "");
	if (bad)
		printf("%s: %s\n", bad->cause, bad->text);
	plan_text(&plan, s->current, set, &text);
	fputs(text.data, stdout);
	return 0;
}

static int
check(const struct options *o, struct state_dir *d, struct state *s,
    struct set *set, char word[RULES_WORD], struct err *err)
{
	auto_agent_conf struct agent_conf conf = { 0 };
	struct verify v = VERIFY_INIT;
	struct pollfd p;
	int ret;

	if (agent_conf_read(&conf, o->config, err) == -1 ||
	    state_dir_open(d, conf.state, err) == -1 ||
	    state_load(d->fd, s, err) == -1 ||
	    verify_start(&v, &conf, s, d, err) == -1)
		return -1;
	p = (struct pollfd){ v.sock, POLLIN, 0 };
	if (poll(&p, 1, VERIFY_MS) != 1)
		ret = err_set(err, ERR_BUSY, "the verifier takes too long");
	else
		ret = verify_result(&v, set, word, err);
	verify_stop(&v);
	if (ret == -1)
		return -1;
	return show_check(s, set, o->json, err);
}

int
cmd_check(int argc, char **argv)
{
	static const char where[] = "kiln-agent check";
	auto_free struct set *set = mem_zero(1, sizeof(*set));
	struct state_dir d = { -1, -1, -1, -1, -1, -1, NULL };
	struct state s = { 0 };
	struct err err = ERR_INIT;
	char word[RULES_WORD] = "";
	struct options o;
	int ret = parse(argc, argv, where, &o);

	if (ret != 0)
		return ret;
	if (optind < argc)
		return cli_usage(where, "too many words: %s", argv[optind]);
	if (check(&o, &d, &s, set, word, &err) == -1) {
		if (*word)
			err_prefix(&err, "refused (%s)", word);
		ret = cli_fail(where, &err, o.json);
	}
	state_release(&s);
	state_dir_release(&d);
	return ret;
}

/* --- status, report ------------------------------------------------------ */

static int
state_folder(const char *config, struct err *err)
{
	auto_agent_conf struct agent_conf conf = { 0 };

	if (agent_conf_read(&conf, config, err) == -1)
		return -1;
	return dir_open(conf.state, err);
}

int
cmd_status(int argc, char **argv)
{
	static const char where[] = "kiln-agent status";
	auto_buf struct buf bytes = BUF_INIT, text = BUF_INIT;
	auto_json json_t *j = NULL;
	auto_fd int dir = -1;
	struct err err = ERR_INIT;
	struct options o;
	int ret = parse(argc, argv, where, &o);

	if (ret != 0)
		return ret;
	if (optind < argc)
		return cli_usage(where, "too many words: %s", argv[optind]);
	dir = state_folder(o.config, &err);
	if (dir == -1)
		return cli_fail(where, &err, o.json);
	if (file_read_at(dir, STATUS_FILE, STATUS_MAX, &bytes, &err) == -1) {
		if (err.cls == ERR_MISSING)
			err_set(&err, ERR_MISSING,
			    "the agent has not run yet: no status in %s",
			    o.config);
		return cli_fail(where, &err, o.json);
	}
	j = js_record(
	    STATUS_FILE, "kiln/agent-status", 1, bytes.data, bytes.len, &err);
	if (!j)
		return cli_fail(where, &err, o.json);
	if (o.json)
		js_text(j, false, &text);
	else if (o.why)
		status_why(j, &text);
	else
		status_text(j, &text);
	printf("%s%s", text.data, o.json ? "\n" : "");
	return EXIT_DONE;
}

static int
hold(const struct options *o, const char *word, struct err *err)
{
	auto_fd int dir = -1;
	int64_t seconds = 0;

	if (strcmp(word, "off") != 0 && num_duration(word, &seconds, err) == -1)
		return -1;
	dir = state_folder(o->config, err);
	if (dir == -1)
		return -1;
	return hold_write(dir, seconds > 0 ? time_now() + seconds : 0, err);
}

int
cmd_hold(int argc, char **argv)
{
	static const char where[] = "kiln-agent hold";
	struct err err = ERR_INIT;
	struct options o;
	int ret = parse(argc, argv, where, &o);

	if (ret != 0)
		return ret;
	if (argc - optind != 1)
		return cli_usage(where, "it is: hold DURATION, or hold off");
	if (hold(&o, argv[optind], &err) == -1)
		return cli_fail(where, &err, o.json);
	return EXIT_DONE;
}

/* The agent that works goes back by itself; nothing else touches machines. */
static int
rollback(const char *config, struct err *err)
{
	auto_agent_conf struct agent_conf conf = { 0 };
	auto_fd int dir = -1;
	auto_buf struct buf bytes = BUF_INIT;
	auto_json json_t *j = NULL;
	int64_t pid;

	if (agent_conf_read(&conf, config, err) == -1 ||
	    state_dir_holder(conf.state, &pid, err) == -1 ||
	    (dir = dir_open(conf.state, err)) == -1 ||
	    file_read_at(dir, STATUS_FILE, STATUS_MAX, &bytes, err) == -1)
		return -1;
	j = js_record(
	    STATUS_FILE, "kiln/agent-status", 1, bytes.data, bytes.len, err);
	if (!j)
		return -1;
	if (!json_is_object(json_object_get(j, "trial")))
		return err_set(err, ERR_MISSING, "no set is on trial");
	if (kill((pid_t)pid, SIGUSR2) == -1)
		return err_sys(err, "tell process %lld", (long long)pid);
	return 0;
}

int
cmd_rollback(int argc, char **argv)
{
	static const char where[] = "kiln-agent rollback";
	struct err err = ERR_INIT;
	struct options o;
	int ret = parse(argc, argv, where, &o);

	if (ret != 0)
		return ret;
	if (optind < argc)
		return cli_usage(where, "too many words: %s", argv[optind]);
	if (rollback(o.config, &err) == -1)
		return cli_fail(where, &err, o.json);
	return EXIT_DONE;
}

int
cmd_report(int argc, char **argv)
{
	static const char where[] = "kiln-agent report";
	auto_buf struct buf text = BUF_INIT;
	auto_fd int dir = -1;
	struct err err = ERR_INIT;
	struct options o;
	int ret = parse(argc, argv, where, &o);

	if (ret != 0)
		return ret;
	if (optind < argc || !o.show)
		return cli_usage(where, "report --show prints what waits to "
					"be sent");
	dir = state_folder(o.config, &err);
	if (dir == -1 || report_show(dir, &text, &err) == -1)
		return cli_fail(where, &err, false);
	fputs(text.data, stdout);
	return EXIT_DONE;
}

/* --- probe --------------------------------------------------------------- */

int
cmd_probe(int argc, char **argv)
{
	static const char where[] = "kiln-agent probe";
	struct probe_dns p = { .port = 53, .deadline_ms = PROBE_MS };
	struct dns_answer answer;
	struct err err = ERR_INIT;
	struct options o;
	int64_t start = time_mono_ms();
	int ret = parse(argc, argv, where, &o), left = argc - optind;

	if (ret != 0)
		return ret;
	if (left < 3 || left > 4 || strcmp(argv[optind], "dns") != 0)
		return cli_usage(
		    where, "it is: probe dns ADDRESS NAME [TYPE] [--tcp]");
	p.server = argv[optind + 1];
	p.name = argv[optind + 2];
	p.qtype = left == 4 ? argv[optind + 3] : "A";
	p.tcp = o.tcp;
	if (probe_dns_ask(&p, &answer, &err) == -1)
		return cli_fail(where, &err, false);
	if (answer.rcode == DNS_NXDOMAIN)
		printf("%s %s NXDOMAIN\n", p.name, p.qtype);
	else if (answer.rcode != DNS_NOERROR)
		printf("%s %s error %d\n", p.name, p.qtype, answer.rcode);
	else if (answer.n == 0)
		printf("%s %s no record\n", p.name, p.qtype);
	for (size_t i = 0; i < answer.n; i++)
		printf("%s %s %s\n", p.name, p.qtype, answer.records[i].text);
	fprintf(stderr, "answered in %lld ms\n",
	    (long long)(time_mono_ms() - start));
	return answer.rcode == DNS_NOERROR || answer.rcode == DNS_NXDOMAIN
		   ? EXIT_DONE
		   : EXIT_FAILED;
}
