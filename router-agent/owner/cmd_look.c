/* What an owner may want to know beside the status. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/spawn.h"
#include "lib/tuf_read.h"
#include "router-agent/conf.h"
#include "router-agent/machine/qemu.h"
#include "router-agent/owner/commands.h"
#include "router-agent/owner/history.h"
#include "router-agent/owner/options.h"
#include "router-agent/owner/status.h"
#include "router-agent/state.h"

#define CONSOLE_MAX ((size_t)1 << 20)
#define DISK_LOW ((int64_t)64 << 20)

static void
print_json(json_t *j)
{
	auto_buf struct buf text = BUF_INIT;

	js_text(j, true, &text);
	printf("%s\n", text.data);
}

static const char *
word(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

/* --- history ------------------------------------------------------------- */

int
cmd_history(int argc, char **argv)
{
	auto_json json_t *list = NULL;
	auto_fd int dir = -1;
	struct err err = ERR_INIT;
	struct options o;
	const json_t *e;
	size_t i;
	int ret = options_parse(argc, argv, &o);

	if (ret != 0)
		return ret;
	dir = options_state(&o, &err);
	if (dir != -1)
		list = history_read(dir, &err);
	if (!list)
		return cli_fail(o.where, &err, o.json);
	if (o.json) {
		print_json(list);
		return EXIT_DONE;
	}
	json_array_foreach(list, i, e)
	{
		printf("%s %-11s", word(e, "at"), word(e, "state"));
		if (json_object_get(e, "counter"))
			printf(" set %lld", (long long)json_integer_value(
						json_object_get(e, "counter")));
		if (*word(e, "cause"))
			printf(" (%s) %s", word(e, "cause"), word(e, "text"));
		printf("\n");
	}
	return EXIT_DONE;
}

/* --- verify -------------------------------------------------------------- */

struct checking {
	struct store *store;
	json_t *list;
	bool json;
	int bad;
};

static void
check_file(struct checking *c, const char *which, const char *what,
    const struct set_file *f)
{
	struct err err = ERR_INIT;
	bool good = store_verify(c->store, &f->hash, &err) == 0;
	json_t *o = json_object();
	char hex[HASH_HEX];

	hash_hex(&f->hash, hex);
	js_set_str(o, "set", which);
	js_set_str(o, "file", what);
	js_set_str(o, "sha256", hex);
	js_set_bool(o, "good", good);
	json_array_append_new(c->list, o);
	c->bad += !good;
	if (!c->json)
		printf("%-8s %-16s %.12s %s\n", which, what, hex,
		    good ? "good" : err.msg);
}

static void
check_set(struct checking *c, const char *which, const struct set *s)
{
	if (!s)
		return;
	check_file(c, which, "vmlinuz", &s->vmlinuz);
	check_file(c, which, "initrd", &s->initrd);
	for (size_t i = 0; i < s->nservices; i++)
		check_file(
		    c, which, s->services[i].name, &s->services[i].image);
}

static int
verify(struct checking *c, int dir, struct err *err)
{
	auto_fd int store = dir_open_at(dir, "store", err);
	struct state s = { 0 };

	if (store == -1 || state_load(dir, &s, err) == -1)
		return -1;
	c->store = store_open(store, err);
	if (c->store) {
		check_set(c, "running", s.current);
		check_set(c, "previous", s.previous);
		check_set(c, "golden", s.golden);
	}
	state_release(&s);
	if (!c->store)
		return -1;
	store_free(c->store);
	return 0;
}

int
cmd_verify(int argc, char **argv)
{
	auto_json json_t *list = json_array();
	auto_fd int dir = -1;
	struct err err = ERR_INIT;
	struct checking c = { .list = list };
	struct options o;
	int ret = options_parse(argc, argv, &o);

	if (ret != 0)
		return ret;
	c.json = o.json;
	dir = options_state(&o, &err);
	if (dir == -1 || verify(&c, dir, &err) == -1)
		return cli_fail(o.where, &err, o.json);
	if (o.json)
		print_json(list);
	return c.bad ? EXIT_TRUST : EXIT_DONE;
}

/* --- doctor -------------------------------------------------------------- */

struct doctor {
	json_t *list;
	bool json;
	int ill;
};

static void
finding(struct doctor *d, const char *what, bool good, const char *text)
{
	json_t *o = json_object();

	js_set_str(o, "what", what);
	js_set_bool(o, "good", good);
	js_set_str(o, "text", text);
	json_array_append_new(d->list, o);
	d->ill += !good;
	if (!d->json)
		printf("%-6s %-8s %s\n", good ? "good" : "BAD", what, text);
}

/* Asked before a set with state is refused for want of it. */
static void
look_at_mke2fs(struct doctor *d)
{
	struct err err = ERR_INIT;
	char path[64];

	if (spawn_find("mke2fs", path, sizeof(path), &err) == 0)
		finding(d, "mke2fs", true, path);
	else
		finding(d, "mke2fs", false,
		    "not here: no service that keeps state can start; it is "
		    "part of e2fsprogs");
}

static void
look_at_root(struct doctor *d, const struct agent_conf *c, int dir)
{
	auto_buf struct buf b = BUF_INIT;
	auto_tuf struct tuf_file *root = NULL;
	struct err err = ERR_INIT;
	char at[TIME_TEXT], text[160];

	if (file_read_at(dir, "metadata/root.json", TUF_ROOT_MAX, &b, &err) ==
		-1 &&
	    file_read(c->root, TUF_ROOT_MAX, &b, &err) == -1) {
		finding(d, "root", false, err.msg);
		return;
	}
	root = tuf_read(TUF_ROOT, "root", b.data, b.len, &err);
	if (!root) {
		finding(d, "root", false, err.msg);
		return;
	}
	time_text(root->expires, at);
	snprintf(text, sizeof(text), "version %lld, ends %s",
	    (long long)root->version, at);
	finding(d, "root", root->expires > time_now(), text);
}

static void
look_at_disk(struct doctor *d, int dir)
{
	struct statvfs v;
	int64_t left;
	char text[120];

	if (fstatvfs(dir, &v) == -1) {
		finding(d, "disk", false, "it cannot be asked");
		return;
	}
	left = (int64_t)v.f_bavail * (int64_t)v.f_frsize;
	snprintf(text, sizeof(text), "%lld MiB free%s", (long long)(left >> 20),
	    left < DISK_LOW ? ": an update may not fit" : "");
	finding(d, "disk", left >= DISK_LOW && !(v.f_flag & ST_RDONLY),
	    v.f_flag & ST_RDONLY ? "it is read-only" : text);
}

static void
look_at_agent(
    struct doctor *d, const struct options *o, const struct agent_conf *c)
{
	auto_json json_t *s = NULL;
	struct err err = ERR_INIT;
	const json_t *v;
	char text[200];
	int64_t pid;
	bool idle;
	size_t i;

	if (state_dir_holder(c->state, &pid, &err) == -1) {
		finding(d, "agent", false, err.msg);
		return;
	}
	s = options_status(o, &err);
	if (!s) {
		finding(d, "agent", false, err.msg);
		return;
	}
	snprintf(text, sizeof(text), "process %lld, %s %.120s", (long long)pid,
	    word(s, "phase"), word(s, "error"));
	finding(d, "agent",
	    strcmp(word(s, "phase"), "failed") != 0 &&
		strcmp(word(s, "phase"), "refused") != 0,
	    text);
	snprintf(text, sizeof(text), "%s %.160s", word(s, "clock"),
	    strcmp(word(s, "clock"), "synced") == 0
		? ""
		: "nothing vouches for the time: let NTP keep it");
	finding(d, "clock", strcmp(word(s, "clock"), "synced") == 0, text);
	/* A machine that could and does not: guests are ten times slower. */
	idle = strcmp(word(s, "accel"), "tcg") == 0 && c->accel != ACCEL_TCG &&
	       access("/dev/kvm", F_OK) == 0;
	snprintf(text, sizeof(text), "%s, %.120s%s", word(s, "accel"),
	    word(s, "accel_why"),
	    idle ? ": see the host's KVM, or say accel: tcg" : "");
	finding(d, "accel", !idle, text);
	finding(d, "switch", !*word(s, "switch_missing"),
	    *word(s, "switch_missing") ? word(s, "switch_missing")
				       : "one redirect, nothing is lost");
	json_array_foreach(json_object_get(s, "services"), i, v)
	    finding(d, "service", json_is_true(json_object_get(v, "well")),
		word(v, "answer"));
}

int
cmd_doctor(int argc, char **argv)
{
	auto_agent_conf struct agent_conf conf = { 0 };
	auto_json json_t *list = json_array();
	struct doctor d = { .list = list };
	auto_fd int dir = -1;
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_parse(argc, argv, &o);

	if (ret != 0)
		return ret;
	if (agent_conf_read(&conf, o.config, &err) == -1)
		return cli_fail(o.where, &err, o.json);
	d.json = o.json;
	finding(&d, "config", true, o.config);
	finding(&d, "qemu", qemu_program(conf.arch) != NULL,
	    qemu_program(conf.arch) ? qemu_program(conf.arch)
				    : "no QEMU for this architecture");
	look_at_mke2fs(&d);
	finding(&d, "tun", access("/dev/net/tun", R_OK | W_OK) == 0,
	    "/dev/net/tun");
	dir = dir_open(conf.state, &err);
	if (dir == -1) {
		finding(&d, "state", false, err.msg);
	} else {
		look_at_disk(&d, dir);
		look_at_root(&d, &conf, dir);
		look_at_agent(&d, &o, &conf);
	}
	if (o.json)
		print_json(list);
	return d.ill ? EXIT_FAILED : EXIT_DONE;
}

/* --- console ------------------------------------------------------------- */

/* What a guest said, with everything escaped that could speak to a terminal. */
static void
tame(const struct buf *b, struct buf *out)
{
	for (size_t i = 0; i < b->len; i++) {
		unsigned char c = (unsigned char)b->data[i];

		if (c == '\r')
			continue;
		if (c == '\n' || c == '\t' || (c >= ' ' && c < 0x7f))
			buf_char(out, (char)c);
		else
			buf_printf(out, "\\x%02x", c);
	}
}

int
cmd_console(int argc, char **argv)
{
	static const char form[] = "it is: console SERVICE";
	auto_buf struct buf said = BUF_INIT, text = BUF_INIT;
	auto_agent_conf struct agent_conf conf = { 0 };
	auto_free char *name = NULL;
	auto_fd int dir = -1, log = -1;
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_words(argc, argv, 1, 1, form, &o);

	if (ret != 0)
		return ret;
	if (!name_ok(o.words[0]))
		return cli_usage(o.where, form);
	name = mem_printf("%s.console", o.words[0]);
	if (agent_conf_read(&conf, o.config, &err) == 0)
		dir = status_dir(conf.state, false, &err);
	if (dir != -1)
		log = dir_open_at(dir, "log", &err);
	if (log == -1 ||
	    file_read_at(log, name, CONSOLE_MAX, &said, &err) == -1)
		return cli_fail(o.where, &err, o.json);
	tame(&said, &text);
	if (o.json) {
		auto_json json_t *j = json_object();

		js_set_str(j, "service", o.words[0]);
		js_set_str(j, "console", text.data);
		print_json(j);
	} else {
		fputs(text.data, stdout);
	}
	return EXIT_DONE;
}
