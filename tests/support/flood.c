/*
 * flood: a service for a test guest that floods the net it is on.
 *
 *	flood now	from its start on
 *	flood lan MAC	once it hears a frame from somebody else than MAC
 *	flood count STOPFILE	how many of its frames come in, until there is
 *			such a file: for a client on the LAN
 *
 * Broadcasts of an experimental type (0x88b5, IEEE 802), from the guest's own
 * address.  It is linked statically: the guest has no libraries.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TYPE 0x88b5

static int
hears_others(int fd, const char *router)
{
	for (;;) {
		struct sockaddr_ll from;
		socklen_t len = sizeof(from);
		uint8_t frame[ETH_FRAME_LEN];
		char mac[18];

		if (recvfrom(fd, frame, sizeof(frame), 0,
			(struct sockaddr *)&from, &len) < ETH_HLEN)
			return -1;
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x",
		    frame[6], frame[7], frame[8], frame[9], frame[10],
		    frame[11]);
		if (strcmp(mac, router) != 0)
			return 0;
	}
}

static int
count(int fd, const char *stopfile)
{
	const struct timeval tick = { .tv_usec = 200000 };
	uint8_t frame[ETH_FRAME_LEN];
	long n = 0;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof(tick));
	while (access(stopfile, F_OK) == -1)
		for (int i = 0;
		     i < 1000 && recv(fd, frame, sizeof(frame), 0) > 0; i++)
			n++;
	return printf("%ld\n", n) < 0;
}

int
main(int argc, char **argv)
{
	struct sockaddr_ll where = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL) };
	struct ifreq r = { .ifr_name = "eth0" };
	struct ether_header frame[4] = { 0 };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	bool counts = argc > 2 && strcmp(argv[1], "count") == 0;

	if (counts)
		where.sll_protocol = htons(TYPE);
	where.sll_ifindex = (int)if_nametoindex(r.ifr_name);
	if (argc < 2 || fd == -1 || where.sll_ifindex == 0 ||
	    ioctl(fd, SIOCGIFHWADDR, &r) == -1 ||
	    bind(fd, (struct sockaddr *)&where, sizeof(where)) == -1)
		return 1;
	if (counts)
		return count(fd, argv[2]);
	if (argc > 2 && hears_others(fd, argv[2]) == -1)
		return 1;
	memset(frame[0].ether_dhost, 0xff, ETH_ALEN);
	memcpy(frame[0].ether_shost, r.ifr_hwaddr.sa_data, ETH_ALEN);
	frame[0].ether_type = htons(TYPE);
	for (;;)
		if (sendto(fd, frame, sizeof(frame), 0,
			(struct sockaddr *)&where, sizeof(where)) == -1)
			usleep(1000);
}
