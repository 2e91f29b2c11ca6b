#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "recipes/guest-init/nl.h"

void
nl_start(struct nlmsghdr *h, int type, int flags, const void *body, size_t n)
{
	memset(h, 0, NLMSG_SPACE(n));
	h->nlmsg_len = (unsigned int)NLMSG_LENGTH(n);
	h->nlmsg_type = (unsigned short)type;
	h->nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags);
	memcpy(NLMSG_DATA(h), body, n);
}

void
nl_attr(struct nlmsghdr *h, int type, const void *value, size_t n)
{
	struct rtattr *a;
	size_t at = NLMSG_ALIGN(h->nlmsg_len);

	a = (struct rtattr *)(void *)((char *)h + at);
	a->rta_type = (unsigned short)type;
	a->rta_len = (unsigned short)RTA_LENGTH(n);
	memset(RTA_DATA(a), 0, RTA_ALIGN(a->rta_len) - RTA_LENGTH(0));
	if (n > 0)
		memcpy(RTA_DATA(a), value, n);
	h->nlmsg_len = (unsigned int)(at + RTA_ALIGN(a->rta_len));
}

size_t
nl_nest(struct nlmsghdr *h, int type)
{
	size_t at = NLMSG_ALIGN(h->nlmsg_len);

	nl_attr(h, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void
nl_nest_end(struct nlmsghdr *h, size_t at)
{
	struct rtattr *a = (struct rtattr *)(void *)((char *)h + at);

	a->rta_len = (unsigned short)(NLMSG_ALIGN(h->nlmsg_len) - at);
}

/* Sends one message and waits for the kernel's word on it. */
int
nl_ask(int fd, const struct nlmsghdr *h, const char *what, struct fault *f)
{
	union {
		struct nlmsghdr h;
		char bytes[1024];
	} answer;
	const struct nlmsgerr *e;
	ssize_t n;

	if (send(fd, h, h->nlmsg_len, 0) == -1)
		return fault_sys(f, "network: %s", what);
	do {
		n = recv(fd, &answer, sizeof answer, 0);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return fault_sys(f, "network: %s", what);
	if (!NLMSG_OK(&answer.h, (size_t)n) ||
	    answer.h.nlmsg_type != NLMSG_ERROR ||
	    answer.h.nlmsg_len < NLMSG_LENGTH(sizeof *e))
		return fault_set(f, "network: %s: no answer", what);
	e = NLMSG_DATA(&answer.h);
	if (e->error != 0) {
		errno = -e->error;
		return fault_sys(f, "network: %s", what);
	}
	return 0;
}
