/*
 * Beside hostapd: makes one network of the LAN's card and the radio, says to
 * whoever asks on the LAN's side how the radio is, "up STATIONS" or "down
 * WORD", and has its button: who says "button" is told "on", or "off" when
 * there is none.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "recipes/guest-init/forward.h"
#include "recipes/wifi-ap/radio.h"

#define OWN_SOCKET WIFI_CONTROL "/ap"
#define ANSWER_MS 1000
#define QUESTION_MS 300

/* --- one network
 * --------------------------------------------------------------*/

static struct ifreq
named(const char *name)
{
	struct ifreq r = { .ifr_flags = 0 };

	memcpy(r.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	return r;
}

/* The bridge gets the address and the MAC of the card, which others know. */
static int
take_card(int fd, const struct ifaddrs *card, struct fault *f)
{
	const struct sockaddr none = { .sa_family = AF_INET };
	struct ifreq c = named(card->ifa_name), b = named(WIFI_BRIDGE);
	int index = (int)if_nametoindex(card->ifa_name);

	if (ioctl(fd, SIOCBRADDBR, WIFI_BRIDGE) == -1 && errno != EEXIST)
		return fault_sys(f, "make " WIFI_BRIDGE);
	if (ioctl(fd, SIOCGIFHWADDR, &c) == -1)
		return fault_sys(f, "ask %s for its MAC", card->ifa_name);
	b.ifr_hwaddr = c.ifr_hwaddr;
	if (ioctl(fd, SIOCSIFHWADDR, &b) == -1)
		return fault_sys(f, "give " WIFI_BRIDGE " a MAC");
	c.ifr_addr = none;
	if (ioctl(fd, SIOCSIFADDR, &c) == -1)
		return fault_sys(f, "take the address of %s", card->ifa_name);
	b.ifr_ifindex = index;
	if (ioctl(fd, SIOCBRADDIF, &b) == -1 && errno != EBUSY)
		return fault_sys(f, "bridge %s", card->ifa_name);
	b.ifr_addr = *card->ifa_addr;
	if (ioctl(fd, SIOCSIFADDR, &b) == -1)
		return fault_sys(f, "give " WIFI_BRIDGE " an address");
	b.ifr_netmask = *card->ifa_netmask;
	if (ioctl(fd, SIOCSIFNETMASK, &b) == -1)
		return fault_sys(f, "give " WIFI_BRIDGE " a network");
	b.ifr_flags = IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &b) == -1)
		return fault_sys(f, "switch " WIFI_BRIDGE " on");
	return 0;
}

/* A service that was started anew finds it done. */
static int
bridge(struct fault *f)
{
	struct ifaddrs *all, *a;
	int fd, ret = fault_set(f, "there is no card with an address");

	if (getifaddrs(&all) == -1)
		return fault_sys(f, "look at the cards");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (a = all; a != NULL && ret == -1; a = a->ifa_next) {
		if (a->ifa_addr == NULL || a->ifa_addr->sa_family != AF_INET ||
		    (a->ifa_flags & IFF_LOOPBACK) != 0)
			continue;
		if (strcmp(a->ifa_name, WIFI_BRIDGE) == 0)
			ret = 0;
		else if (take_card(fd, a, f) == -1)
			break;
		else
			ret = 0;
	}
	if (fd != -1)
		close(fd);
	freeifaddrs(all);
	return ret;
}

/* --- hostapd
 * ------------------------------------------------------------------*/

/* hostapd's answer to a command, "" if there is none. */
static void
ask(const char *command, char *text, size_t room)
{
	const struct sockaddr_un own = { AF_UNIX, OWN_SOCKET },
				 its = { AF_UNIX, WIFI_CONTROL "/" WIFI_CARD };
	struct pollfd p = { .events = POLLIN };
	ssize_t n = -1;

	text[0] = '\0';
	p.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (p.fd == -1)
		return;
	unlink(OWN_SOCKET);
	if (bind(p.fd, (const struct sockaddr *)&own, sizeof own) == 0 &&
	    connect(p.fd, (const struct sockaddr *)&its, sizeof its) == 0 &&
	    send(p.fd, command, strlen(command), 0) != -1 &&
	    poll(&p, 1, ANSWER_MS) == 1)
		n = recv(p.fd, text, room - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(p.fd);
}

static void
tell(int to)
{
	static const char stations[] = "num_sta[0]=";
	char text[4096], *n;

	ask("STATUS", text, sizeof text);
	n = strstr(text, stations);
	if (strstr(text, "state=ENABLED") != NULL && n != NULL)
		dprintf(to, "up %ld\n", atol(n + sizeof stations - 1));
	else
		dprintf(to, "down %s\n",
		    if_nametoindex(WIFI_CARD) != 0 ? "starting" : "no-radio");
}

static void
serve(int fd)
{
	static const char button[] = "button\n";
	struct pollfd p = { fd, POLLIN, 0 };
	char question[16], text[64];
	ssize_t n = 0;

	if (poll(&p, 1, QUESTION_MS) == 1)
		n = read(fd, question, sizeof question);
	if (n == sizeof button - 1 &&
	    memcmp(question, button, (size_t)n) == 0) {
		ask("WPS_PBC", text, sizeof text);
		dprintf(fd, "%s\n", strcmp(text, "OK\n") == 0 ? "on" : "off");
	} else {
		tell(fd);
	}
}

static int
run(struct fault *f)
{
	struct pollfd door = { .events = POLLIN };

	if (bridge(f) == -1 || (door.fd = guest_listen(WIFI_STATUS, f)) == -1)
		return -1;
	for (;;) {
		int fd;

		poll(&door, 1, -1);
		fd = accept4(door.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd == -1)
			continue;
		serve(fd);
		close(fd);
	}
}

int
main(void)
{
	struct fault f;

	signal(SIGPIPE, SIG_IGN);
	run(&f);
	fprintf(stderr, "ap: %s\n", f.text);
	return 1;
}
