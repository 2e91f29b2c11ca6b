#include "router-agent/change/inherit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/agent.h"
#include "router-agent/change/handover.h"
#include "router-agent/supervise.h"

#define KIND "kiln/agent-machines"
#define ENV "KILN_MACHINES" /* number of the memory file's descriptor */
#define WHAT "what the program before left"
#define MOST (1 << 20)

/* --- leaving ------------------------------------------------------------- */

/* What machines and ports were made by: of another configuration they are of
 * no use. */
static int
made_by(const struct agent_conf *c, struct hash *out, struct err *err)
{
	auto_json json_t *j = json_object();
	json_t *list = json_array();

	js_set_str(j, "bridge", c->bridge);
	js_set_str(j, "address", c->lan_address);
	js_set_int(j, "prefix", c->prefix);
	js_set_str(j, "wan", c->wan_bridge);
	for (size_t i = 0; i < c->nservices; i++) {
		const struct agent_service *s = &c->services[i];
		json_t *o = json_object();

		js_set_str(o, "name", s->name);
		js_set_str(o, "address", s->address);
		js_set_str(o, "address6", s->address6);
		js_set_str(o, "wan", s->wan ? s->wan->address : NULL);
		js_set_str(o, "gateway", s->wan ? s->wan->gateway : NULL);
		js_set(o, "config", json_deep_copy(s->config));
		json_array_append_new(list, o);
	}
	js_set(j, "services", list);
	return canon_hash(j, out, err);
}

static json_t *
machine_json(const struct machine *m)
{
	const struct vm *vm = &m->vm;
	json_t *j = json_object();

	js_set_str(j, "service", vm->service);
	js_set_int(j, "index", vm->index);
	js_set_bool(j, "wan", vm->wan[0] != '\0');
	js_set_bool(j, "tender", vm->tender);
	js_set_int(j, "qemu", vm->qemu.pid);
	js_set_int(j, "watch", vm->watch.pid);
	js_set_int(j, "started_ms", vm->qemu.started_ms);
	js_set_int(j, "console_ms", vm->console_ms);
	js_set_int(j, "socket", vm->sock);
	js_set_bool(j, "on_lan", m->on_lan);
	js_set_bool(j, "speaks", m->speaks);
	js_set_bool(j, "asks", m->asks);
	return j;
}

static bool
goes_over(const struct machine *m)
{
	return m->wanted && !m->staged && !m->frozen && m->vm.state == VM_UP &&
	       m->vm.sock != -1 && m->on_lan;
}

static int
keep_open(int fd, bool open, struct err *err)
{
	if (fcntl(fd, F_SETFD, open ? 0 : FD_CLOEXEC) == -1)
		return err_sys(err, "hand a descriptor over");
	return 0;
}

static int
write_record(const json_t *j, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	auto_fd int fd = -1;

	if (canon_json(j, &text, err) == -1)
		return -1;
	fd = memfd_create("kiln-machines", 0);
	if (fd == -1)
		return err_sys(err, "make a memory file");
	if (fd_write_all(fd, text.data, text.len, err) == -1)
		return -1;
	return take_fd(&fd);
}

static json_t *
record(struct agent *a, struct err *err)
{
	json_t *j = js_record_new(KIND, 1), *list = json_array();
	struct hash made;

	js_set(j, "machines", list);
	if (made_by(&a->conf, &made, err) == -1) {
		json_decref(j);
		return NULL;
	}
	js_set_hash(j, "made_by", &made);
	js_set_hash(j, "set", &a->live.set->sha256);
	js_set_bool(j, "redirect", a->ports.redirect);
	js_set_int(j, "ports", (int64_t)a->ports.n);
	for (size_t i = 0; i < a->live.set->nservices; i++)
		if (goes_over(&a->live.at[i]))
			json_array_append_new(
			    list, machine_json(&a->live.at[i]));
	return j;
}

/* Whoever does not go over ends here; what they say meanwhile waits in their
 * sockets. */
static int
open_all(struct agent *a, bool open, struct err *err)
{
	for (size_t i = 0; i < a->live.set->nservices; i++) {
		struct machine *m = &a->live.at[i];

		if (goes_over(m) && keep_open(m->vm.sock, open, err) == -1)
			return -1;
	}
	return keep_open(a->report, open, err);
}

int
inherit_leave(
    struct agent *a, const char *program, const char *word, struct err *err)
{
	auto_free char *self = mem_printf(SUPERVISE_ENV "=%s", word);
	auto_json json_t *j = record(a, err);
	char machines[48];
	const char *env[SPAWN_ENV + 3] = { NULL };
	const char *argv[] = { "kiln-agent", "run", "--config", a->config,
		a->syslog ? "--syslog" : NULL, NULL };
	auto_fd int fd = -1;

	if (!j || (fd = write_record(j, err)) == -1 ||
	    open_all(a, true, err) == -1)
		return -1;
	snprintf(machines, sizeof(machines), ENV "=%d", fd);
	for (int i = 0; i < SPAWN_ENV; i++)
		env[i] = spawn_env[i];
	env[SPAWN_ENV] = self;
	env[SPAWN_ENV + 1] = machines;
	for (size_t i = 0; i < a->live.set->nservices; i++) {
		struct machine *m = &a->live.at[i];

		probe_stop(&m->probe);
		if (m->vm.state != VM_OFF && !goes_over(m))
			vm_kill(&m->vm);
	}
	handover_save(a);
	execve(program, (char *const *)argv, (char *const *)env);
	err_sys(err, "run %s", program);
	(void)!open_all(a, false, err);
	return -1;
}

/* --- coming -------------------------------------------------------------- */

void
inherit_open(struct agent *a)
{
	const char *word = getenv(ENV);
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	auto_fd int fd = -1;
	int64_t n;

	if (!word)
		return;
	if (num_int(word, 4, 65535, &n, &err) == -1 ||
	    lseek((int)n, 0, SEEK_SET) == -1) {
		log_warn("inherit", "msg=\"no record\"");
		return;
	}
	fd = (int)n;
	unsetenv(ENV);
	if (fd_read_all(fd, MOST, &text, &err) == -1 ||
	    (a->inherited = js_record(
		 WHAT, KIND, 1, text.data, text.len, &err)) == NULL)
		log_err("inherit", &err);
}

/* Was all of it made by this configuration, for the set that runs? */
static bool
of_use(struct agent *a)
{
	struct hash made, now, set;
	struct err err = ERR_INIT;

	if (!a->inherited || !a->state.current)
		return false;
	if (js_hash(WHAT, a->inherited, "made_by", &made, &err) == -1 ||
	    js_hash(WHAT, a->inherited, "set", &set, &err) == -1 ||
	    made_by(&a->conf, &now, &err) == -1) {
		log_err("inherit", &err);
		return false;
	}
	return hash_equal(&made, &now) &&
	       hash_equal(&set, &a->state.current->sha256);
}

bool
inherit_ports(struct agent *a)
{
	int64_t n;
	struct err err = ERR_INIT;

	if (!of_use(a) ||
	    !json_is_true(json_object_get(a->inherited, "redirect")) ||
	    js_int(WHAT, a->inherited, "ports", 0, PORTS_MAX, &n, &err) == -1)
		return false;
	a->ports = (struct ports){ .n = (size_t)n, .redirect = true };
	return true;
}

static const json_t *
left_of(struct agent *a, const char *service)
{
	const json_t *list = json_object_get(a->inherited, "machines"), *o;
	size_t i;

	json_array_foreach(list, i, o)
	{
		const char *name =
		    json_string_value(json_object_get(o, "service"));

		if (name && strcmp(name, service) == 0)
			return o;
	}
	return NULL;
}

static int
take(struct agent *a, const json_t *o, struct machine *m, struct err *err)
{
	int64_t index, qemu, watch, started, console, sock;
	struct vm_left left;

	if (js_int(WHAT, o, "index", 0, VM_MAX - 1, &index, err) == -1 ||
	    js_int(WHAT, o, "qemu", 2, INT32_MAX, &qemu, err) == -1 ||
	    js_int(WHAT, o, "watch", 2, INT32_MAX, &watch, err) == -1 ||
	    js_int(WHAT, o, "started_ms", 0, JS_INT_MAX, &started, err) == -1 ||
	    js_int(WHAT, o, "console_ms", 0, JS_INT_MAX, &console, err) == -1 ||
	    js_int(WHAT, o, "socket", 4, 65535, &sock, err) == -1)
		return -1;
	left = (struct vm_left){
		.service = json_string_value(json_object_get(o, "service")),
		.index = (unsigned)index,
		.wan = json_is_true(json_object_get(o, "wan")),
		.tender = json_is_true(json_object_get(o, "tender")),
		.qemu = (pid_t)qemu,
		.watch = (pid_t)watch,
		.started_ms = started,
		.console_ms = console,
		.sock = (int)sock,
		.heard = handover_heard,
		.arg = a,
	};
	if (keep_open(left.sock, false, err) == -1 ||
	    vm_take(&m->vm, &left, err) == -1)
		return -1;
	m->wanted = true;
	m->on_lan = json_is_true(json_object_get(o, "on_lan"));
	m->speaks = json_is_true(json_object_get(o, "speaks"));
	m->asks = json_is_true(json_object_get(o, "asks"));
	return 0;
}

bool
inherit_machine(struct agent *a, size_t i)
{
	const char *service = a->live.set->services[i].name;
	const json_t *o = left_of(a, service);
	struct err err = ERR_INIT;

	if (!o || !of_use(a) || !agent_conf_service(&a->conf, service))
		return false;
	if (take(a, o, &a->live.at[i], &err) == -1) {
		log_err("inherit", &err);
		return false;
	}
	log_info("machine", "service=%s state=kept", service);
	return true;
}

static bool
taken(const struct agent *a, int64_t pid)
{
	for (size_t i = 0; i < SET_SERVICES; i++)
		if (a->live.at[i].vm.qemu.pid == pid ||
		    a->live.at[i].vm.watch.pid == pid)
			return true;
	return false;
}

static void
end_process(const struct agent *a, const json_t *o, const char *key)
{
	struct child c = CHILD_INIT;
	struct err err = ERR_INIT;
	int64_t pid;

	if (js_int(WHAT, o, key, 2, INT32_MAX, &pid, &err) == 0 &&
	    !taken(a, pid) && spawn_take((pid_t)pid, 0, &c, &err) == 0)
		spawn_kill(&c);
}

void
inherit_close(struct agent *a)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(a->inherited, "machines"), i, o)
	{
		end_process(a, o, "qemu");
		end_process(a, o, "watch");
	}
	json_decref(a->inherited);
	a->inherited = NULL;
}
