#include "router-agent/owner/commands.h"

#include <errno.h>
#include <fcntl.h>
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
#include "router-agent/owner/import_dnsmasq.h"
#include "router-agent/owner/options.h"
#include "router-agent/owner/report.h"
#include "router-agent/owner/status.h"

#define PROBE_MS 5000

/* Would the machines of the set that runs understand it? */
static int
fits_current(const struct agent_conf *conf, struct err *err)
{
	auto_fd int dir = open(conf->state, O_DIRECTORY | O_CLOEXEC);
	struct state state = { 0 };
	int ret;

	/* None yet, or not for this user's eyes. */
	if (dir == -1 && (errno == ENOENT || errno == EACCES))
		return 0;
	if (dir == -1)
		return err_sys(err, "%s", conf->state);
	ret = state_load(dir, &state, err);
	if (ret == 0 && state.current)
		ret = plan_config(conf, state.current, err);
	state_release(&state);
	return ret;
}

int
cmd_run(int argc, char **argv)
{
	auto_agent_conf struct agent_conf conf = { 0 };
	struct err err = ERR_INIT;
	struct agent *a;
	struct options o;
	int ret = options_parse(argc, argv, &o);

	if (ret != 0)
		return ret;
	if (o.check) {
		if (agent_conf_read(&conf, o.config, &err) == -1 ||
		    fits_current(&conf, &err) == -1)
			return cli_fail(o.where, &err, false);
		return EXIT_DONE;
	}
	if (!role_walls()) {
		err_set(&err, ERR_INPUT,
		    "root is needed to make interfaces and to give each part "
		    "a uid of its own");
		return cli_fail(o.where, &err, false);
	}
	log_open("kiln-agent", o.syslog);
	a = mem_zero(1, sizeof(*a));
	if (agent_open(a, o.config, &err) == -1) {
		free(a);
		return cli_fail(o.where, &err, false);
	}
	a->syslog = o.syslog;
	ret = agent_run(a, o.once);
	agent_release(a);
	free(a);
	return ret;
}

/* --- status, report ------------------------------------------------------ */

int
cmd_status(int argc, char **argv)
{
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *j = NULL;
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_parse(argc, argv, &o);

	if (ret != 0)
		return ret;
	j = options_status(&o, &err);
	if (!j)
		return cli_fail(o.where, &err, o.json);
	if (o.json)
		js_text(j, false, &text);
	else if (o.why)
		status_why(j, &text);
	else
		status_text(j, &text);
	printf("%s%s", text.data, o.json ? "\n" : "");
	return EXIT_DONE;
}

/* Lines that are JSON each, as one text. */
static void
print_array(struct span lines)
{
	struct span line;
	const char *before = "";

	putchar('[');
	while (span_next(&lines, '\n', &line)) {
		if (line.n == 0)
			continue;
		printf("%s%.*s", before, (int)line.n, line.p);
		before = ",\n";
	}
	puts("]");
}

int
cmd_report(int argc, char **argv)
{
	static const char form[] = "report --show prints what waits to be sent";
	auto_buf struct buf text = BUF_INIT;
	auto_fd int dir = -1;
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_words(argc, argv, 0, 0, form, &o);

	if (ret != 0)
		return ret;
	if (!o.show)
		return cli_usage(o.where, form);
	dir = options_state(&o, &err);
	if (dir == -1 || report_show(dir, &text, &err) == -1)
		return cli_fail(o.where, &err, o.json);
	if (!o.json)
		fputs(text.data, stdout);
	else
		print_array(span_buf(&text));
	return EXIT_DONE;
}

/* --- import-dnsmasq ------------------------------------------------------- */

static void
show_import(const struct import *m, bool json)
{
	auto_buf struct buf text = BUF_INIT;
	size_t count[3] = { 0 };

	if (json) {
		auto_json json_t *j = json_object();
		json_t *lines = json_array();

		for (size_t i = 0; i < m->n; i++) {
			json_t *o = json_object();

			js_set_int(o, "line", (int64_t)m->lines[i].number);
			js_set_str(o, "text", m->lines[i].text);
			js_set_str(o, "verdict",
			    import_verdict_name(m->lines[i].verdict));
			js_set_str(o, "why", m->lines[i].why);
			json_array_append_new(lines, o);
		}
		js_set(j, "config", json_incref(m->config));
		js_set(j, "lines", lines);
		js_text(j, true, &text);
		printf("%s\n", text.data);
		return;
	}
	for (size_t i = 0; i < m->n; i++) {
		const struct import_line *l = &m->lines[i];

		count[l->verdict]++;
		fprintf(stderr, "%4zu %-13s %s%s%s\n", l->number,
		    import_verdict_name(l->verdict), l->text,
		    *l->why ? ": " : "", l->why);
	}
	fprintf(stderr, "%zu taken, %zu changed, %zu not supported\n",
	    count[IMPORT_TAKEN], count[IMPORT_CHANGED],
	    count[IMPORT_UNSUPPORTED]);
	import_yaml(m, &text);
	fputs(text.data, stdout);
}

int
cmd_import_dnsmasq(int argc, char **argv)
{
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct import m;
	struct options o;
	int ret =
	    options_words(argc, argv, 1, 1, "it is: import-dnsmasq FILE", &o);

	if (ret != 0)
		return ret;
	if (file_read(o.words[0], IMPORT_FILE_MAX, &text, &err) == -1 ||
	    import_dnsmasq(text.data, text.len, &m, &err) == -1) {
		err_prefix(&err, "%s", o.words[0]);
		return cli_fail(o.where, &err, o.json);
	}
	show_import(&m, o.json);
	import_release(&m);
	return EXIT_DONE;
}

/* --- probe --------------------------------------------------------------- */

int
cmd_probe(int argc, char **argv)
{
	static const char form[] =
	    "it is: probe dns ADDRESS NAME [TYPE] [--tcp]";
	struct probe_dns p = { .port = 53, .deadline_ms = PROBE_MS };
	struct dns_answer answer;
	struct err err = ERR_INIT;
	struct options o;
	int64_t start = time_mono_ms();
	int ret = options_words(argc, argv, 3, 4, form, &o);

	if (ret != 0)
		return ret;
	if (strcmp(o.words[0], "dns") != 0)
		return cli_usage(o.where, form);
	p.server = o.words[1];
	p.name = o.words[2];
	p.qtype = o.n == 4 ? o.words[3] : "A";
	p.tcp = o.tcp;
	if (probe_dns_ask(&p, &answer, &err) == -1)
		return cli_fail(o.where, &err, false);
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
