/* /etc/kiln/configure of the image: see unbound_conf.h. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recipes/dns-resolver/unbound_conf.h"

static unsigned int
ones(const unsigned char *bytes, size_t n)
{
	unsigned int count = 0;

	while (n-- > 0)
		count += (unsigned int)__builtin_popcount(*bytes++);
	return count;
}

static void
read_link(struct links *links, const struct ifaddrs *i)
{
	const struct sockaddr_in6 *a6 = (const void *)i->ifa_addr;
	const struct sockaddr_in6 *m6 = (const void *)i->ifa_netmask;
	const struct sockaddr_in *a4 = (const void *)i->ifa_addr;
	const struct sockaddr_in *m4 = (const void *)i->ifa_netmask;
	int family = i->ifa_addr->sa_family;
	const void *address;
	unsigned int prefix;

	if (family == AF_INET) {
		address = &a4->sin_addr;
		prefix = ones((const void *)&m4->sin_addr, 4);
	} else if (family == AF_INET6 &&
		   !IN6_IS_ADDR_LINKLOCAL(&a6->sin6_addr)) {
		address = &a6->sin6_addr;
		prefix = ones((const void *)&m6->sin6_addr, 16);
	} else {
		return;
	}
	links->at[links->n].family = family;
	links->at[links->n].prefix = prefix;
	if (inet_ntop(family, address, links->at[links->n].text,
		sizeof links->at[links->n].text) != NULL)
		links->n++;
}

static int
read_links(struct links *links, struct fault *f)
{
	struct ifaddrs *all, *i;

	if (getifaddrs(&all) == -1)
		return fault_sys(f, "list the addresses of this machine");
	for (i = all; i != NULL && links->n < UNBOUND_LINKS; i = i->ifa_next) {
		if (i->ifa_addr != NULL && i->ifa_netmask != NULL &&
		    (i->ifa_flags & IFF_LOOPBACK) == 0)
			read_link(links, i);
	}
	freeifaddrs(all);
	return 0;
}

static int
write_file(const char *path, const char *text, struct fault *f)
{
	return guest_write(path, 0400, UNBOUND_UID, text, strlen(text), f);
}

static int
configure(struct fault *f)
{
	struct unbound_files files = { 0 };
	struct links links = { 0 };
	auto_json json_t *config = NULL;
	char *text = NULL;
	size_t n;
	int ret = -1;

	if (guest_read(GUEST_CONFIG, GUEST_CONFIG_MAX, &text, &n, f) == -1)
		return -1;
	config = guest_json("config", text, n, f);
	free(text);
	if (config == NULL || read_links(&links, f) == -1)
		return -1;
	if (unbound_conf(config, &links, &files, f) == -1)
		goto out;
	/* root's, so that unbound can put nothing into its place */
	if (mkdir(UNBOUND_DIR, 0755) == -1)
		ret = fault_sys(f, "create " UNBOUND_DIR);
	else if (files.ca != NULL && write_file(UNBOUND_CA, files.ca, f) == -1)
		ret = -1;
	else
		ret = write_file(UNBOUND_CONF, files.conf, f);
out:
	free(files.conf);
	free(files.ca);
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
