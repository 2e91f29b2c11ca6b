/* What the watching child may ask the supervisor for. */
#include <stdlib.h>
#include <unistd.h>

#include "builder/cli/up.h"
#include "builder/cli/watch.h"
#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define QUERY_MS 40000
#define CEREMONY_MS 60000

static char *
program(const struct up *u, const char *name)
{
	return mem_printf("%s/%s", u->farm.bin, name);
}

bool
up_have_keys(const struct up *u)
{
	return file_exists_at(u->farm.dirfd, "tuf/metadata/1.root.json");
}

/* The demonstration's ceremonies: roles for `services`, made on the first
 * start, added to later.  Not demo: only the operator holds those keys. */
static int
do_keys(struct up *u, struct ipc_msg *m, struct err *err)
{
	auto_free char *tuf = program(u, "kiln-tuf");
	const char *argv[UNIT_ARGS * 2] = { tuf, "delegate", "--state",
		u->farm.path };
	char *names[UNIT_ARGS] = { NULL };
	size_t n = 4, i, got = 0;
	struct spawn sp = SPAWN_INIT;
	uint32_t count = 0;
	int ret = -1;

	if (ipc_get_u32(m, &count, err) == -1)
		return -1;
	if (count > UP_NAMES)
		return err_set(err, ERR_INPUT, "too many services: %u", count);
	for (i = 0; i < count; i++) {
		if (ipc_get_str(m, 64, &names[i], err) == -1)
			goto done;
		got++;
		if (!name_ok(names[i])) {
			err_set(err, ERR_INPUT, "bad service name");
			goto done;
		}
		argv[n++] = "--service";
		argv[n++] = names[i];
	}
	if (ipc_end(m, err) == -1)
		goto done;
	if (!up_have_keys(u)) {
		argv[1] = "init";
		argv[n++] = "--demo";
	}
	sp.argv = argv;
	if (!u->demo)
		err_set(err, ERR_INPUT, "only the demonstration makes keys");
	else if (spawn_capture(
		     &sp, CEREMONY_MS, WATCH_TEXT_MAX, NULL, NULL, err) == 0)
		ret = 0;
	if (ret == 0 && u->units[UNIT_TUF].child.pid == 0)
		ret = unit_start(&u->units[UNIT_TUF], &u->farm, err);
done:
	for (i = 0; i < got; i++)
		free(names[i]);
	return ret;
}

static int
write_agent_conf(struct up *u, struct err *err)
{
	auto_fd int dir = dir_make_at(u->farm.dirfd, "router/demo", 0755, err);
	auto_fd int state = -1;
	auto_buf struct buf text = BUF_INIT, root = BUF_INIT;
	auto_free char *tuf = program(u, "kiln-tuf");
	const char *const argv[] = { tuf, "export-root", "--state",
		u->farm.path, NULL };
	struct spawn sp = SPAWN_INIT;

	if (dir == -1)
		return -1;
	state = dir_make_at(dir, "state", 0755, err);
	if (state == -1)
		return -1;
	/* A router is shipped with a root; it keeps the one it has. */
	if (!file_exists_at(dir, "root.json")) {
		sp.argv = argv;
		if (spawn_capture(
			&sp, CEREMONY_MS, 1 << 20, &root, NULL, err) == -1 ||
		    file_write_at(
			dir, "root.json", root.data, root.len, 0644, err) == -1)
			return -1;
	}
	buf_printf(&text,
	    "# Written by `kiln up --demo` at each start.\n"
	    "state: %s/router/demo/state\n"
	    "server: [%s]\n"
	    "channel: edge\n"
	    "arch: amd64\n"
	    "demo: true\n"
	    "trust:\n"
	    "  root: %s/router/demo/root.json\n"
	    "  min_keys: 1\n"
	    "poll: 30s\n"
	    "probation: 5s\n"
	    "accel: auto\n"
	    "lan: {bridge: br-lan, address: %s, prefix: %d}\n"
	    "services:\n"
	    "  dns-dhcp:\n"
	    "    address: %s\n"
	    "    config:\n"
	    "      domain: lan\n"
	    "      hosts:\n"
	    "        - {name: router, address: %s}\n"
	    "        - {name: laptop, address: 192.0.2.100}\n"
	    "reports: full\n",
	    u->farm.path, DEMO_SERVER, u->farm.path, DEMO_ROUTER, DEMO_PREFIX,
	    DEMO_SERVICE, DEMO_SERVICE);
	return file_write_at(dir, "agent.yaml", text.data, text.len, 0644, err);
}

static int
do_router(struct up *u, struct err *err)
{
	struct unit *n = &u->units[UNIT_AGENT];

	if (!u->demo || n->child.pid)
		return 0;
	if (!role_walls())
		return err_set(err, ERR_INPUT,
		    "the demonstration router needs root for its network");
	if (write_agent_conf(u, err) == -1)
		return -1;
	n->netns = u->net.router;
	return unit_start(n, &u->farm, err);
}

static int
do_status(struct up *u, struct buf *out, struct err *err)
{
	auto_free char *agent = program(u, "kiln-agent");
	const char *const argv[] = { agent, "status", "--json", "--config",
		u->agent_conf, NULL };
	struct spawn sp = SPAWN_INIT;

	sp.argv = argv;
	return spawn_capture(&sp, 10000, WATCH_TEXT_MAX / 2, out, NULL, err);
}

/* `dig` is a client that nobody here wrote. */
static int
do_query(struct up *u, struct ipc_msg *m, struct buf *out, struct err *err)
{
	auto_free char *address = NULL, *name = NULL, *at = NULL;
	struct spawn sp = SPAWN_INIT;

	if (ipc_get_str(m, 64, &address, err) == -1 ||
	    ipc_get_str(m, 253, &name, err) == -1 || ipc_end(m, err) == -1)
		return -1;
	if (!name_ok(address) || !name_ok(name))
		return err_set(err, ERR_INPUT, "bad query");
	at = mem_printf("@%s", address);
	const char *const argv[] = { "dig", "+noall", "+answer", "+stats",
		"+time=2", "+tries=3", at, name, "A", NULL };
	sp.argv = argv;
	sp.netns = u->net.lan;
	sp.uid = role_uid(ROLE_CLI);
	/* A router that was just started boots the set it had. */
	int64_t until = time_mono_ms() + QUERY_MS;

	while (spawn_capture(&sp, 20000, 8192, out, NULL, err) == -1) {
		if (time_mono_ms() >= until)
			return -1;
		err_clear(err);
		buf_clear(out);
		usleep(300000);
	}
	return 0;
}

int
up_watch_serve(struct up *u, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	auto_buf struct buf out = BUF_INIT, reply = BUF_INIT;
	struct err why = ERR_INIT;
	int got, ret;

	got = ipc_recv(u->sock, 1000, &m, err);
	if (got <= 0)
		return got == 0 ? err_set(err, ERR_SYSTEM, "watch is gone")
				: -1;
	switch (m.type) {
	case WATCH_KEYS:
		ret = do_keys(u, &m, &why);
		break;
	case WATCH_ROUTER:
		ret = do_router(u, &why);
		break;
	case WATCH_STATUS:
		ret = do_status(u, &out, &why);
		break;
	case WATCH_QUERY:
		ret = do_query(u, &m, &out, &why);
		break;
	case WATCH_READY:
		ret = 0;
		break;
	default:
		return err_set(err, ERR_INPUT, "watch: unknown verb");
	}
	if (ret == 0) {
		ipc_add_bytes(&reply, out.data, out.len);
	} else {
		ipc_add_err(&reply, &why);
	}
	if (ipc_send(u->sock, ret == 0 ? WATCH_OK : WATCH_ERROR, &reply, NULL,
		0, err) == -1)
		return -1;
	return m.type == WATCH_READY;
}

int
up_watch_start(struct up *u, struct err *err)
{
	static const char *const argv[] = { "kiln", "-x", "watch", NULL };
	auto_buf struct buf b = BUF_INIT;
	struct spawn sp = SPAWN_INIT;
	auto_free char *url = mem_printf("http://%s/", u->listen);
	int sv[2];

	if (ipc_pair(sv, err) == -1)
		return -1;
	sp.argv = argv;
	sp.exec_self = true;
	sp.die_with_parent = true;
	sp.fds[sp.nfds++] = sv[1];
	if (spawn_start(&sp, &u->watch, err) == -1) {
		close(sv[0]);
		close(sv[1]);
		return -1;
	}
	close(sv[1]);
	u->sock = sv[0];
	ipc_add_str(&b, u->farm.path);
	ipc_add_str(&b, u->farm.shown);
	ipc_add_str(&b, url);
	ipc_add_i64(&b, u->since);
	ipc_add_u32(&b, u->demo);
	ipc_add_u32(&b, u->once);
	ipc_add_u32(&b, u->alone);
	ipc_add_u32(&b, up_have_keys(u));
	ipc_add_u32(&b, u->demo && role_walls());
	ipc_add_u32(&b, (uint32_t)u->nonly);
	for (size_t i = 0; i < u->nonly; i++)
		ipc_add_str(&b, u->only[i]);
	return ipc_send(u->sock, WATCH_SETUP, &b, NULL, 0, err);
}
