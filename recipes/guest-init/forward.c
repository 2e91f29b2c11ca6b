#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recipes/guest-init/forward.h"

int
guest_switch_on(const char *path, struct fault *f)
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

int
guest_forward(struct fault *f)
{
	if (guest_switch_on("/proc/sys/net/ipv4/ip_forward", f) == -1)
		return -1;
	return guest_switch_on("/proc/sys/net/ipv6/conf/all/forwarding", f);
}

static int
wait_for(pid_t pid, struct fault *f)
{
	int status;

	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return fault_sys(f, "wait for " FORWARD_NFT);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return fault_set(f, FORWARD_NFT " refused the rules");
	return 0;
}

int
guest_nft(guest_rules_fn *rules, const void *arg, struct fault *f)
{
	char nft[] = FORWARD_NFT, flag[] = "-f", dash[] = "-";
	char *const argv[] = { nft, flag, dash, NULL }, *const env[] = { NULL };
	posix_spawn_file_actions_t actions;
	int pipes[2], ret;
	pid_t pid;
	FILE *to;

	if (pipe2(pipes, O_CLOEXEC) == -1)
		return fault_sys(f, "make a pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[0], 0);
	ret = posix_spawn(&pid, nft, &actions, NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[0]);
	if (ret != 0) {
		close(pipes[1]);
		errno = ret;
		return fault_sys(f, "start " FORWARD_NFT);
	}
	to = fdopen(pipes[1], "w");
	if (to == NULL) {
		close(pipes[1]);
	} else {
		rules(arg, to);
		fclose(to); /* what nft lacks it refuses whole */
	}
	return wait_for(pid, f);
}

int
guest_listen(int port, struct fault *f)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port) };
	int fd =
	    socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int yes = 1;

	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == -1 ||
	    bind(fd, (const struct sockaddr *)&a, sizeof a) == -1 ||
	    listen(fd, 16) == -1) {
		fault_sys(f, "listen on port %d", port);
		if (fd != -1)
			close(fd);
		return -1;
	}
	return fd;
}
