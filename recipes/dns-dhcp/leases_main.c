/*
 * dnsmasq's dhcp-script, which keeps leases with the agent instead of in a
 * file, so that they outlive this machine and its successor knows them.
 *
 *	leases init                        all leases, as dnsmasq reads them
 *	leases add|old MAC ADDRESS [NAME]  one is given or changed
 *	leases del MAC ADDRESS [NAME]      one ended
 *
 * It speaks lines over the port STATE_DEVICE (docs/formats.md, leases).  Times
 * go over as seconds left, since a guest's clock stands still in a pause.
 * dnsmasq runs `init` by popen(3): called as `sh -c`, this is all the shell
 * that the image has.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define STATE_DEVICE "/dev/kiln-state"
#define SELF "/usr/lib/kiln/leases"
#define WAIT_MS 3000 /* for the port to appear, and to be free */
#define DEADLINE_S 5 /* for everything */
#define LINE 1200

static int
fail(const char *what)
{
	fprintf(stderr, "leases: %s: %s\n", what, strerror(errno));
	return 1;
}

/* Its name appears a moment after the start, and one process has it at a
 * time.  -1 with ENOENT: this machine has no agent. */
static int
open_port(void)
{
	const struct timespec nap = { .tv_nsec = 10000000 };
	int fd = -1;

	for (int ms = 0; ms < WAIT_MS; ms += 10) {
		fd = open(STATE_DEVICE, O_RDWR | O_CLOEXEC | O_NOCTTY);
		if (fd != -1 || (errno != ENOENT && errno != EBUSY))
			break;
		nanosleep(&nap, NULL);
	}
	return fd;
}

static int
send_line(int port, const char *line)
{
	size_t n = strlen(line), done = 0;

	while (done < n) {
		ssize_t w = write(port, line + done, n - done);

		if (w == -1 && errno != EINTR)
			return -1;
		done += w > 0 ? (size_t)w : 0;
	}
	return 0;
}

/* As a line of dnsmasq's lease file. */
static int
print(const char *line)
{
	char address[16], mac[64], name[256], client[800];
	long long left;

	if (sscanf(line, "lease %15s %63s %lld %255s %799s", address, mac,
		&left, name, client) != 5 ||
	    left < 0)
		return -1;
	printf("%lld %s %s %s %s\n", left ? (long long)time(NULL) + left : 0,
	    mac, address, strcmp(name, "-") ? name : "*",
	    strcmp(client, "-") ? client : "*");
	return 0;
}

/* The token tells the answer from one that somebody before us left unread. */
static int
init(void)
{
	char token[17], begin[32], end[32], line[LINE];
	int port = open_port(), started = 0;
	uint64_t r;
	FILE *in;

	if (port == -1 && errno == ENOENT) {
		fputs("leases: no agent keeps them\n", stderr);
		return 0;
	}
	if (port == -1 || getrandom(&r, sizeof r, 0) != sizeof r)
		return fail(STATE_DEVICE);
	snprintf(token, sizeof token, "%016llx", (unsigned long long)r);
	snprintf(begin, sizeof begin, "begin %s\n", token);
	snprintf(end, sizeof end, "end %s\n", token);
	snprintf(line, sizeof line, "init %s\n", token);
	if (send_line(port, line) == -1 || (in = fdopen(port, "r")) == NULL)
		return fail("ask the agent");
	while (fgets(line, sizeof line, in) != NULL) {
		if (strcmp(line, begin) == 0) {
			started = 1;
		} else if (started && strcmp(line, end) == 0) {
			return fflush(stdout) == EOF ? fail("write") : 0;
		} else if (started && print(line) == -1) {
			fputs("leases: the agent's list is damaged\n", stderr);
			return 1;
		}
	}
	return fail("read the agent's list");
}

static const char *
or_dash(const char *s)
{
	return s != NULL && *s != '\0' ? s : "-";
}

static int
tell(const char *verb, const char *mac, const char *address, const char *name)
{
	const char *left = getenv("DNSMASQ_TIME_REMAINING");
	const char *client = getenv("DNSMASQ_CLIENT_ID");
	char line[LINE];
	int port, n;

	if (strcmp(verb, "del") == 0)
		n = snprintf(line, sizeof line, "gone %s %s\n", address, mac);
	else
		n = snprintf(line, sizeof line, "lease %s %s %s %s %s\n",
		    address, mac, left != NULL ? left : "0", or_dash(name),
		    or_dash(client));
	if (n < 0 || (size_t)n >= sizeof line) {
		fputs("leases: a lease of absurd length\n", stderr);
		return 1;
	}
	port = open_port();
	if (port == -1)
		return errno == ENOENT ? 0 : fail(STATE_DEVICE);
	return send_line(port, line) == -1 ? fail("tell the agent") : 0;
}

int
main(int argc, char **argv)
{
	alarm(DEADLINE_S); /* a silent agent ends it, and init restarts all */
	if (argc >= 3 && strcmp(argv[1], "-c") == 0 &&
	    strcmp(argv[argc - 1], SELF " init") == 0)
		return init();
	if (argc == 2 && strcmp(argv[1], "init") == 0)
		return init();
	if (argc < 4 || strchr(argv[3], ':') != NULL) /* IPv6: none is given */
		return 0;
	if (strcmp(argv[1], "add") == 0 || strcmp(argv[1], "old") == 0 ||
	    strcmp(argv[1], "del") == 0)
		return tell(
		    argv[1], argv[2], argv[3], argc > 4 ? argv[4] : NULL);
	return 0; /* what later versions of dnsmasq may say */
}
