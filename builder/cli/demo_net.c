#include "builder/cli/demo_net.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/own.h"
#include "lib/spawn.h"

static int
netns_new(int home, int *fd, struct err *err)
{
	if (unshare(CLONE_NEWNET) == -1)
		return err_sys(err, "make a network namespace");
	*fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (*fd == -1)
		err_sys(err, "open the new network namespace");
	if (setns(home, CLONE_NEWNET) == -1)
		return err_sys(err, "return to the own network namespace");
	return *fd == -1 ? -1 : 0;
}

/* Runs `ip` in namespace `ns`; fd 3 of the child is the namespace `peer`. */
static int
ip(int ns, int peer, const char *const *argv, struct err *err)
{
	struct spawn sp = SPAWN_INIT;

	sp.argv = argv;
	sp.netns = ns;
	if (peer != -1)
		sp.fds[sp.nfds++] = peer;
	return spawn_capture(&sp, 10000, 4096, NULL, NULL, err);
}
#define IP(ns, peer, err, ...) \
	ip(ns, peer, (const char *const[]){ "ip", __VA_ARGS__, NULL }, err)

static int
listen_in(int ns, int home, int *fd, struct err *err)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(80),
		.sin_addr.s_addr = inet_addr("198.51.100.1"),
	};
	int ret = 0;

	if (setns(ns, CLONE_NEWNET) == -1)
		return err_sys(err, "enter the WAN's namespace");
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd == -1 ||
	    bind(*fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(*fd, 64) == -1)
		ret = err_sys(err, "listen on the demo router's WAN");
	if (setns(home, CLONE_NEWNET) == -1)
		return err_sys(err, "return to the own network namespace");
	return ret;
}

static int
wire(struct demo_net *n, struct err *err)
{
	/* `ip` takes a path for a namespace's name. */
	const char *peer = "/proc/self/fd/3";

	if (IP(n->router, n->wan, err, "link", "add", "wan0", "type", "veth",
		"peer", "name", "gw0", "netns", peer) == -1 ||
	    IP(n->router, n->lan, err, "link", "add", "port1", "type", "veth",
		"peer", "name", "lan0", "netns", peer) == -1 ||
	    IP(n->router, -1, err, "link", "add", "br-lan", "type", "bridge") ==
		-1 ||
	    IP(n->router, -1, err, "link", "set", "port1", "master",
		"br-lan") == -1)
		return -1;
	if (IP(n->wan, -1, err, "address", "add", "198.51.100.1/24", "dev",
		"gw0") == -1 ||
	    IP(n->router, -1, err, "address", "add", "198.51.100.2/24", "dev",
		"wan0") == -1 ||
	    IP(n->lan, -1, err, "address", "add", "192.0.2.100/24", "dev",
		"lan0") == -1)
		return -1;
	if (IP(n->wan, -1, err, "link", "set", "gw0", "up") == -1 ||
	    IP(n->router, -1, err, "link", "set", "lo", "up") == -1 ||
	    IP(n->router, -1, err, "link", "set", "wan0", "up") == -1 ||
	    IP(n->router, -1, err, "link", "set", "port1", "up") == -1 ||
	    IP(n->router, -1, err, "link", "set", "br-lan", "up") == -1 ||
	    IP(n->lan, -1, err, "link", "set", "lo", "up") == -1 ||
	    IP(n->lan, -1, err, "link", "set", "lan0", "up") == -1)
		return -1;
	return 0;
}

int
demo_net_open(struct demo_net *n, struct err *err)
{
	auto_fd int home =
	    open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	*n = (struct demo_net){ -1, -1, -1, -1 };
	if (home == -1)
		return err_sys(err, "open the own network namespace");
	if (netns_new(home, &n->wan, err) == -1 ||
	    netns_new(home, &n->router, err) == -1 ||
	    netns_new(home, &n->lan, err) == -1 || wire(n, err) == -1 ||
	    listen_in(n->wan, home, &n->listener, err) == -1) {
		demo_net_release(n);
		return err_prefix(err, "demonstration network");
	}
	return 0;
}

void
demo_net_release(struct demo_net *n)
{
	own_close(&n->wan);
	own_close(&n->router);
	own_close(&n->lan);
	own_close(&n->listener);
	*n = (struct demo_net){ -1, -1, -1, -1 };
}
