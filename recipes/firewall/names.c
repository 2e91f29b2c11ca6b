#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <poll.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "recipes/firewall/names.h"

#define ANSWER 4096

static unsigned char *
put16(unsigned char *p, unsigned int n)
{
	*p++ = (unsigned char)(n >> 8 & 0xff);
	*p++ = (unsigned char)(n & 0xff);
	return p;
}

size_t
names_question(const char *name, unsigned int id, int family,
    unsigned char *out, size_t size)
{
	unsigned char *p = out;
	const char *label = name, *dot;
	size_t n;

	if (strlen(name) + 18 > size)
		return 0;
	memset(out, 0, NS_HFIXEDSZ);
	put16(p, id);
	out[2] = 1; /* recursion desired */
	out[5] = 1; /* one question */
	p = out + NS_HFIXEDSZ;
	for (;; label = dot + 1) {
		dot = strchrnul(label, '.');
		n = (size_t)(dot - label);
		if (n == 0 || n > 63)
			return 0;
		*p++ = (unsigned char)n;
		memcpy(p, label, n);
		p += n;
		if (*dot == '\0')
			break;
	}
	*p++ = 0;
	p = put16(p, family == AF_INET ? ns_t_a : ns_t_aaaa);
	p = put16(p, ns_c_in);
	return (size_t)(p - out);
}

static void
take(const ns_rr *rr, int family, struct rules_name *out, int *ttl)
{
	size_t size = family == AF_INET ? 4 : 16;
	struct guest_addr *a = &out->at[out->n];

	if (ns_rr_type(*rr) != (family == AF_INET ? ns_t_a : ns_t_aaaa) ||
	    ns_rr_rdlen(*rr) != size ||
	    out->n == sizeof out->at / sizeof out->at[0])
		return;
	memset(a, 0, sizeof *a);
	a->family = family;
	memcpy(a->bytes, ns_rr_rdata(*rr), size);
	out->n++;
	if (ns_rr_ttl(*rr) < (unsigned int)*ttl)
		*ttl = (int)ns_rr_ttl(*rr);
}

int
names_parse(const unsigned char *bytes, size_t n, unsigned int id, int family,
    struct rules_name *out, int *ttl)
{
	ns_msg m;
	ns_rr rr;
	int i;

	if (ns_initparse(bytes, (int)n, &m) == -1 || ns_msg_id(m) != id ||
	    !ns_msg_getflag(m, ns_f_qr))
		return -1;
	/* a name that is not there has no address, and that is an answer */
	if (ns_msg_getflag(m, ns_f_rcode) == ns_r_nxdomain)
		return 0;
	if (ns_msg_getflag(m, ns_f_rcode) != ns_r_noerror)
		return -1;
	for (i = 0; i < ns_msg_count(m, ns_s_an); i++) {
		if (ns_parserr(&m, ns_s_an, i, &rr) == -1)
			return -1;
		take(&rr, family, out, ttl);
	}
	return 0;
}

static int
ask(int fd, int wait_ms, int family, struct rules_name *out, int *ttl)
{
	unsigned char bytes[ANSWER];
	struct pollfd p = { fd, POLLIN, 0 };
	uint16_t id;
	ssize_t n;
	size_t size;

	if (getrandom(&id, sizeof id, 0) != sizeof id)
		return -1;
	size = names_question(out->name, id, family, bytes, sizeof bytes);
	if (size == 0 || send(fd, bytes, size, 0) == -1 ||
	    poll(&p, 1, wait_ms) != 1)
		return -1;
	n = recv(fd, bytes, sizeof bytes, 0);
	return n < 0 ? -1 : names_parse(bytes, (size_t)n, id, family, out, ttl);
}

static int
dial(const struct guest_addr *a)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_port = htons(NS_DEFAULTPORT) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(NS_DEFAULTPORT) };
	int fd = socket(a->family, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret;

	if (fd == -1)
		return -1;
	/* connected: the kernel takes answers from there alone */
	memcpy(&v4.sin_addr, a->bytes, sizeof v4.sin_addr);
	memcpy(&v6.sin6_addr, a->bytes, sizeof v6.sin6_addr);
	ret = a->family == AF_INET
		  ? connect(fd, (const struct sockaddr *)&v4, sizeof v4)
		  : connect(fd, (const struct sockaddr *)&v6, sizeof v6);
	if (ret == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct guest_addr));
}

int
names_ask(const struct guest_addr *resolver, int wait_ms,
    struct rules_name *out, int *ttl)
{
	struct rules_name got = { .n = 0 };
	int fd = dial(resolver), ret;

	if (fd == -1)
		return -1;
	memcpy(got.name, out->name, sizeof got.name);
	*ttl = NAMES_TTL_MAX;
	ret = ask(fd, wait_ms, AF_INET, &got, ttl);
	close(fd);
	/* a socket of its own: a late answer to the first is nobody's */
	fd = ret == 0 ? dial(resolver) : -1;
	if (fd == -1)
		return -1;
	ret = ask(fd, wait_ms, AF_INET6, &got, ttl);
	close(fd);
	if (ret == -1)
		return -1;
	qsort(got.at, got.n, sizeof got.at[0], compare);
	memcpy(out->at, got.at, sizeof out->at);
	out->n = got.n;
	if (*ttl < NAMES_TTL_MIN)
		*ttl = NAMES_TTL_MIN;
	return 0;
}
