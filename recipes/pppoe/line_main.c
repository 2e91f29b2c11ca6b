/*
 * The service: loads the rules, lets the kernel forward behind them, and calls
 * the provider again and again, each call one pppd.  Whoever asks on the LAN's
 * side is told "up ADDRESS", or "down WORD": what became of the last call.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "recipes/guest-init/forward.h"
#include "recipes/pppoe/dial.h"

/* Of the line, if it is up. */
static bool
address(char text[INET_ADDRSTRLEN])
{
	struct ifaddrs *all, *a;
	bool found = false;

	if (getifaddrs(&all) == -1)
		return false;
	for (a = all; a != NULL && !found; a = a->ifa_next) {
		const struct sockaddr_in *in = (const void *)a->ifa_addr;

		found = in != NULL && in->sin_family == AF_INET &&
			strcmp(a->ifa_name, PPPOE_CARD) == 0 &&
			inet_ntop(AF_INET, &in->sin_addr, text,
			    INET_ADDRSTRLEN) != NULL;
	}
	freeifaddrs(all);
	return found;
}

/* A pppd, which hangs up when this process is gone; a descriptor that is
 * readable when it has ended. */
static int
call(pid_t *pid, struct fault *f)
{
	char pppd[] = "/usr/sbin/pppd", file[] = "file",
	     options[] = PPPOE_OPTIONS;
	char *const argv[] = { pppd, file, options, NULL }, *const env[] = {
		NULL
	};
	int fd;

	*pid = fork();
	if (*pid == -1)
		return fault_sys(f, "fork");
	if (*pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execve(pppd, argv, env);
		_exit(127);
	}
	fd = pidfd_open(*pid, 0);
	return fd == -1 ? fault_sys(f, "watch pppd") : fd;
}

static void
tell(int door, const char *word)
{
	char text[INET_ADDRSTRLEN];
	int fd = accept4(door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd == -1)
		return;
	if (address(text))
		dprintf(fd, "up %s\n", text);
	else
		dprintf(fd, "down %s\n", word);
	close(fd);
}

static time_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static int
run(struct fault *f)
{
	enum { DOOR, CALL };
	struct pollfd p[] = { { -1, POLLIN, 0 }, { -1, POLLIN, 0 } };
	const char *word = "calling";
	time_t again = now();
	int status;
	pid_t pid = -1;

	if (guest_nft(pppoe_rules, NULL, f) == -1 || guest_forward(f) == -1)
		return -1;
	p[DOOR].fd = guest_listen(PPPOE_STATUS, f);
	if (p[DOOR].fd == -1)
		return -1;
	for (;;) {
		time_t left = again - now();

		if (p[CALL].fd == -1 && left <= 0) {
			p[CALL].fd = call(&pid, f);
			if (p[CALL].fd == -1)
				return -1;
		}
		poll(p, 2, p[CALL].fd == -1 ? (int)left * 1000 : -1);
		if (p[DOOR].revents != 0)
			tell(p[DOOR].fd, word);
		if (p[CALL].fd == -1 || p[CALL].revents == 0)
			continue;
		waitpid(pid, &status, 0);
		close(p[CALL].fd);
		p[CALL].fd = -1;
		status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		word = pppoe_word(status);
		again = now() + pppoe_pause(status);
	}
}

int
main(void)
{
	struct fault f;

	signal(SIGPIPE, SIG_IGN);
	run(&f);
	fprintf(stderr, "line: %s\n", f.text);
	return 1;
}
