/*
 * kiln-agent install: a router file (docs/formats.md) makes a plain machine a
 * router.  It is the owner's own word, as agent.yaml is; yet its bytes are read
 * by the child that reads sticks, and what the farm signed is believed by its
 * signatures alone, when the agent starts.
 *
 * All that is kept lies in the state folder, so that a machine whose programs
 * were put on anew, with that folder as it was, is the router it was before.
 * agent.yaml is written last: before it, nothing is installed.
 */
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cli.h"
#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf.h"
#include "router-agent/owner/commands.h"
#include "router-agent/owner/enrol.h"
#include "router-agent/owner/options.h"
#include "router-agent/owner/router_file.h"
#include "router-agent/state.h"

struct install {
	const char *config; /* where agent.yaml is, or will be */
	struct agent_conf conf;
	struct buf yaml, root;
	char token[ENROL_TOKEN]; /* "": the file has none */
	bool kept;		 /* there was a configuration */
	bool first;		 /* no set was committed yet */
};

/* --- the file ------------------------------------------------------------- */

/* 1: it is there; 0: it is not. */
static int
member(struct fetcher *f, const char *name, size_t limit, struct buf *out,
    struct err *err)
{
	auto_free char *url = mem_printf("%s/%s", FETCH_STICK, name);
	struct fetch_more more = { .body = out };
	struct fetch_answer a;

	if (fetcher_get(f, url, (int64_t)limit, -1, &more, &a, err) == -1)
		return -1;
	return a.status == 200;
}

static int
wanted(struct fetcher *f, const char *name, size_t limit, struct buf *out,
    struct err *err)
{
	int got = member(f, name, limit, out, err);

	if (got == 0)
		return err_set(
		    err, ERR_INPUT, "no router file: it has no %s", name);
	return got == -1 ? -1 : 0;
}

static int
read_token(struct fetcher *f, struct install *in, struct err *err)
{
	auto_buf struct buf line = BUF_INIT;
	int got = member(f, ROUTER_FILE_TOKEN, ENROL_TOKEN, &line, err);

	if (got == 1)
		return enrol_token(line.data, in->token, err);
	return got;
}

/* A file that is cut off behind our own part is seen now, and not in the
 * drawer: what is not in it is looked for to its end. */
static int
is_whole(struct fetcher *f, struct err *err)
{
	auto_buf struct buf none = BUF_INIT;

	return member(f, "no-such-member", 0, &none, err) == -1 ? -1 : 0;
}

/* Its configuration has to name the folder that it comes into. */
static int
check_conf(struct install *in, const char *folder, struct err *err)
{
	auto_free char *root = mem_printf("%s/%s", folder, ROUTER_FILE_ROOT);

	if (agent_conf_parse(&in->conf, ROUTER_FILE_CONF, in->yaml.data,
		in->yaml.len, err) == -1)
		return -1;
	if (strcmp(in->conf.state, folder) != 0)
		return err_set(err, ERR_INPUT,
		    ROUTER_FILE_CONF ": state: it is to be installed in %s",
		    folder);
	if (strcmp(in->conf.root, root) != 0)
		return err_set(err, ERR_INPUT,
		    ROUTER_FILE_CONF ": trust: root: it will lie in %s", root);
	return 0;
}

static int
read_file(struct install *in, int file, const char *folder, struct err *err)
{
	static const char *const keys[] = { "kind", "v", "arch", "channel",
		"counter", NULL };
	struct fetcher *f = fetcher_stick(file, err);
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *j = NULL;
	const char *arch;
	int ret = -1;

	if (!f)
		return -1;
	if (wanted(f, ROUTER_FILE_INDEX, ROUTER_FILE_INDEX_MAX, &text, err) ==
		0 &&
	    (j = js_record(ROUTER_FILE_INDEX, "kiln/router", 1, text.data,
		 text.len, err)) != NULL &&
	    js_only(ROUTER_FILE_INDEX, j, keys, err) == 0 &&
	    js_str(ROUTER_FILE_INDEX, j, "arch", &arch, err) == 0 &&
	    (in->kept || (wanted(f, ROUTER_FILE_CONF, AGENT_CONF_MAX, &in->yaml,
			      err) == 0 &&
			     wanted(f, ROUTER_FILE_ROOT, TUF_ROOT_MAX,
				 &in->root, err) == 0 &&
			     check_conf(in, folder, err) == 0)) &&
	    read_token(f, in, err) == 0 && is_whole(f, err) == 0)
		ret = strcmp(arch, in->conf.arch) == 0
			  ? 0
			  : err_set(err, ERR_INPUT,
				"it is for routers of %s, this one is %s", arch,
				in->conf.arch);
	fetcher_stop(f);
	return ret;
}

/* --- what is written ------------------------------------------------------ */

static int
copy_whole(int from, int dir, struct err *err)
{
	auto_tmp struct tmp t = TMP_INIT;
	char chunk[65536];
	int64_t at = 0;
	ssize_t n;

	if (tmp_open(&t, dir, 0600, err) == -1)
		return -1;
	while ((n = pread(from, chunk, sizeof(chunk), at)) > 0) {
		if (fd_write_all(t.fd, chunk, (size_t)n, err) == -1)
			return -1;
		at += n;
	}
	if (n == -1)
		return err_sys(err, "read the router file");
	return tmp_replace(&t, ROUTER_FILE, err);
}

static int
write_all(struct install *in, int file, struct err *err)
{
	auto_free char *name = mem_str(in->config);
	struct state_dir d = STATE_DIR_NONE;
	struct state s = { 0 };
	int ret = -1;

	/* The agent that works there would not see it. */
	if (state_dir_open(&d, in->conf.state, err) == -1)
		return -1;
	if (state_load(d.fd, &s, err) == 0 &&
	    (s.current || copy_whole(file, d.fd, err) == 0) &&
	    (!*in->token || enrol_leave(d.fd, in->token, err) == 0) &&
	    (in->kept || (file_write_at(d.fd, ROUTER_FILE_ROOT, in->root.data,
			      in->root.len, 0644, err) == 0 &&
			     file_write_at(d.fd, basename(name), in->yaml.data,
				 in->yaml.len, 0600, err) == 0))) {
		in->first = s.current == NULL;
		ret = 0;
	}
	state_release(&s);
	state_dir_release(&d);
	return ret;
}

static int
install(struct install *in, const char *path, struct err *err)
{
	auto_free char *name = mem_str(in->config);
	const char *folder = dirname(name);
	auto_fd int file = -1;
	struct stat st;

	if (!role_walls())
		return err_set(err, ERR_INPUT, "root is needed");
	if (in->config[0] != '/')
		return err_set(
		    err, ERR_INPUT, "--config wants an absolute path");
	file = stick_open(path, err);
	if (file == -1)
		return -1;
	if (fstat(file, &st) == -1 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_INPUT, "%s is no file", path);
	in->kept = access(in->config, F_OK) == 0;
	if (in->kept && agent_conf_read(&in->conf, in->config, err) == -1)
		return -1;
	if (read_file(in, file, folder, err) == -1)
		return err_prefix(err, "%s", path);
	return write_all(in, file, err);
}

static void
show(const struct install *in, bool json)
{
	auto_json json_t *j = json_object();
	auto_buf struct buf text = BUF_INIT;

	if (!json) {
		printf("%s %s; %s\n", in->config,
		    in->kept ? "is kept" : "is made",
		    in->first ? "the set of the file starts with the agent"
			      : "a set was committed before and stays");
		return;
	}
	js_set_str(j, "config", in->config);
	js_set_bool(j, "kept", in->kept);
	js_set_bool(j, "first", in->first);
	js_text(j, false, &text);
	printf("%s\n", text.data);
}

int
cmd_install(int argc, char **argv)
{
	struct install in = { .yaml = BUF_INIT, .root = BUF_INIT };
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_words(argc, argv, 1, 1, "it is: install FILE", &o);

	if (ret != 0)
		return ret;
	in.config = o.given ? o.config : AGENT_CONF_KEPT;
	if (install(&in, o.words[0], &err) == -1)
		ret = cli_fail(o.where, &err, o.json);
	else
		show(&in, o.json);
	buf_release(&in.yaml);
	buf_release(&in.root);
	agent_conf_release(&in.conf);
	return ret;
}
