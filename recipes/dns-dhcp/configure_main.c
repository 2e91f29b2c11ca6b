/* /etc/kiln/configure of the image: see dnsmasq_conf.h.  Compiled a second time
 * for the recipe `dhcp`. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recipes/dns-dhcp/dnsmasq_conf.h"

#ifdef DHCP_ALONE
#define MAKE dnsmasq_dhcp_conf
#else
#define MAKE dnsmasq_conf
#endif

static void
take_ipv4(struct lan *lan, const struct ifaddrs *i)
{
	struct sockaddr_in address, mask;

	if (lan->n == LAN_MAX)
		return;
	memcpy(&address, i->ifa_addr, sizeof address);
	memcpy(&mask, i->ifa_netmask, sizeof mask);
	lan->net[lan->n].address = ntohl(address.sin_addr.s_addr);
	lan->net[lan->n].mask = ntohl(mask.sin_addr.s_addr);
	lan->n++;
}

static void
take_ipv6(struct lan *lan, const struct ifaddrs *i)
{
	static const unsigned char half[16] = { 255, 255, 255, 255, 255, 255,
		255, 255 };
	struct sockaddr_in6 address, mask;

	memcpy(&address, i->ifa_addr, sizeof address);
	memcpy(&mask, i->ifa_netmask, sizeof mask);
	if (lan->n6 == LAN_MAX || IN6_IS_ADDR_LINKLOCAL(&address.sin6_addr) ||
	    memcmp(&mask.sin6_addr, half, sizeof half) != 0)
		return;
	lan->net6[lan->n6++] = address.sin6_addr;
}

static int
read_networks(struct lan *lan, struct fault *f)
{
	struct ifaddrs *all, *i;

	if (getifaddrs(&all) == -1)
		return fault_sys(f, "list the addresses of this machine");
	for (i = all; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL || i->ifa_netmask == NULL ||
		    (i->ifa_flags & IFF_LOOPBACK) != 0)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			take_ipv4(lan, i);
		else if (i->ifa_addr->sa_family == AF_INET6)
			take_ipv6(lan, i);
	}
	freeifaddrs(all);
	return 0;
}

/* Columns: name, destination, gateway, …; hexadecimal, in memory's order. */
static int
read_gateway(struct lan *lan, struct fault *f)
{
	unsigned int to, via;
	char line[256];
	FILE *in;

	in = fopen("/proc/net/route", "re");
	if (in == NULL)
		return fault_sys(f, "open /proc/net/route");
	while (fgets(line, sizeof line, in) != NULL) {
		if (sscanf(line, "%*s %8x %8x", &to, &via) == 2 && to == 0 &&
		    via != 0) {
			lan->gateway = ntohl(via);
			break;
		}
	}
	fclose(in);
	return 0;
}

static int
configure(struct fault *f)
{
	struct lan lan = { 0 };
	auto_json json_t *config = NULL;
	char *text = NULL;
	size_t n;
	int ret;

	if (guest_read(GUEST_CONFIG, GUEST_CONFIG_MAX, &text, &n, f) == -1)
		return -1;
	config = guest_json("config", text, n, f);
	free(text);
	if (config == NULL || read_networks(&lan, f) == -1 ||
	    read_gateway(&lan, f) == -1)
		return -1;
	text = MAKE(config, &lan, f);
	if (text == NULL)
		return -1;
	ret =
	    guest_write(DNSMASQ_CONF, 0400, DNSMASQ_UID, text, strlen(text), f);
	free(text);
	return ret;
}

int
main(void)
{
	struct fault f;

	if (configure(&f) == -1) {
		fprintf(stderr, "configure: %s\n", f.text);
		return 1;
	}
	return 0;
}
