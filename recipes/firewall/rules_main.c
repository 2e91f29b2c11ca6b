/*
 * The firewall's one program: loads the rules, lets the kernel forward, then
 * follows the names in them.  Whenever a name leads elsewhere all of the rules
 * take the place of the ones before in one transaction of nft, so that nothing
 * is open meanwhile and no connection that is allowed is lost.
 *
 * What names led to is kept in KNOWN, so that one that is started anew blocks
 * what it blocked before even while nobody answers its questions.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "recipes/firewall/firewall.h"
#include "recipes/firewall/names.h"

#define NFT "/usr/sbin/nft"
#define ASK_MS 2000
#define RETRY_S 5 /* after a question without an answer */

static int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec;
}

/* --- rules into the kernel
 * --------------------------------------------------*/

static int
wait_for(pid_t pid, struct fault *f)
{
	int status;

	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return fault_sys(f, "wait for " NFT);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return fault_set(f, NFT " refused the rules");
	return 0;
}

static int
load(const struct rules *r, struct fault *f)
{
	char nft[] = NFT, flag[] = "-f", dash[] = "-";
	char *const argv[] = { nft, flag, dash, NULL }, *const env[] = { NULL };
	posix_spawn_file_actions_t actions;
	int pipes[2], ret;
	pid_t pid;
	FILE *to;

	if (pipe2(pipes, O_CLOEXEC) == -1)
		return fault_sys(f, "make a pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[0], 0);
	ret = posix_spawn(&pid, NFT, &actions, NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[0]);
	if (ret != 0) {
		close(pipes[1]);
		errno = ret;
		return fault_sys(f, "start " NFT);
	}
	to = fdopen(pipes[1], "w");
	if (to == NULL) {
		close(pipes[1]);
	} else {
		rules_write(r, to);
		fclose(to); /* what nft lacks it refuses whole */
	}
	return wait_for(pid, f);
}

static int
set(const char *path, struct fault *f)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd == -1 && errno == ENOENT)
		return 0; /* a kernel without IPv6 */
	if (fd == -1 || write(fd, "1", 1) == -1)
		ret = fault_sys(f, "set %s", path);
	if (fd != -1)
		close(fd);
	return ret;
}

/* --- what names led to
 * ------------------------------------------------------*/

static void
remember(const struct rules *r)
{
	int fd = open(FIREWALL_KNOWN, O_WRONLY | O_TRUNC | O_CLOEXEC);
	size_t n = r->names * sizeof r->name[0];

	if (fd == -1 || write(fd, r->name, n) != (ssize_t)n)
		fprintf(
		    stderr, "rules: " FIREWALL_KNOWN ": %s\n", strerror(errno));
	if (fd != -1)
		close(fd);
}

/* Our own bytes, of the same program on the same machine. */
static void
recall(struct rules *r)
{
	int fd = open(FIREWALL_KNOWN, O_RDONLY | O_CLOEXEC);
	struct rules_name one;
	size_t i;

	while (fd != -1 && read(fd, &one, sizeof one) == sizeof one) {
		for (i = 0; i < r->names; i++) {
			if (strcmp(r->name[i].name, one.name) == 0) {
				r->name[i] = one;
				r->name[i].due = 0;
			}
		}
	}
	if (fd != -1)
		close(fd);
}

/* Asks for what is due; when one question is not answered the rest waits, too.
 * True when a name leads elsewhere than before. */
static bool
follow(struct rules *r)
{
	bool changed = false, silent = false;
	size_t i;

	for (i = 0; i < r->names; i++) {
		struct rules_name before = r->name[i];
		int ttl;

		if (before.due > now())
			continue;
		silent = silent || names_ask(&r->resolver, ASK_MS, &r->name[i],
				       &ttl) == -1;
		r->name[i].due = now() + (silent ? RETRY_S : ttl);
		changed = changed || before.n != r->name[i].n ||
			  memcmp(before.at, r->name[i].at,
			      before.n * sizeof before.at[0]) != 0;
	}
	return changed;
}

static int
wait_ms(const struct rules *r)
{
	int64_t least = INT64_MAX, left;
	size_t i;

	for (i = 0; i < r->names; i++) {
		if (r->name[i].due < least)
			least = r->name[i].due;
	}
	if (least == INT64_MAX)
		return -1;
	left = least - now();
	return left > 0 ? (int)left * 1000 : 0;
}

/* --- who asks
 * ---------------------------------------------------------------*/

static int
listen_on(struct fault *f)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
		.sin6_port = htons(FIREWALL_PORT) };
	int fd =
	    socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int yes = 1;

	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == -1 ||
	    bind(fd, (const struct sockaddr *)&a, sizeof a) == -1 ||
	    listen(fd, 16) == -1) {
		if (fd != -1)
			close(fd);
		return fault_sys(f, "listen on port %d", FIREWALL_PORT);
	}
	return fd;
}

static void
tell(int door, const struct rules *r, unsigned int loads)
{
	int fd = accept4(door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	size_t i, addresses = 0;

	if (fd == -1)
		return;
	for (i = 0; i < r->names; i++)
		addresses += r->name[i].n;
	dprintf(fd, "names %zu addresses %zu loads %u\n", r->names, addresses,
	    loads);
	close(fd);
}

/* Nothing is loaded by halves: after a fault the rules before stand. */
static int
reload(const struct rules *r, unsigned int *loads, struct fault *f)
{
	remember(r);
	if (load(r, f) == -1)
		return -1;
	++*loads;
	return 0;
}

static int
run(const json_t *config, struct fault *f)
{
	static struct rules r;
	unsigned int loads = 0;
	struct pollfd p;

	if (rules_read(config, &r, f) == -1)
		return -1;
	p = (struct pollfd){ listen_on(f), POLLIN, 0 };
	if (p.fd == -1)
		return -1;
	/* names first, so that nothing goes through that will be blocked; but
	 * whoever answers them may be reached through here alone */
	recall(&r);
	follow(&r);
	if (reload(&r, &loads, f) == -1 ||
	    set("/proc/sys/net/ipv4/conf/all/rp_filter", f) == -1 ||
	    set("/proc/sys/net/ipv4/ip_forward", f) == -1 ||
	    set("/proc/sys/net/ipv6/conf/all/forwarding", f) == -1)
		return -1;
	for (;;) {
		if (poll(&p, 1, wait_ms(&r)) == 1)
			tell(p.fd, &r, loads);
		if (follow(&r) && reload(&r, &loads, f) == -1)
			fprintf(stderr, "rules: %s\n", f->text);
	}
}

int
main(void)
{
	auto_json json_t *config = NULL;
	struct fault f;
	char *text;
	size_t n;

	if (guest_read(FIREWALL_CONFIG, GUEST_CONFIG_MAX, &text, &n, &f) == 0) {
		config = guest_json("config", text, n, &f);
		if (config != NULL)
			run(config, &f);
	}
	fprintf(stderr, "rules: %s\n", f.text);
	return 1;
}
