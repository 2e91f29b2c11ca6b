#include "router-agent/machine/flood.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/attr.h"
#include "lib/mem.h"
#include "lib/own.h"

enum { NO, YES };

/* Nothing of a frame is kept but that it came, and of few of them that: a full
 * socket still counts. */
static int
counter(enum flood_count what, unsigned ifindex, struct err *err)
{
	const uint8_t group = what == FLOOD_GROUP, one = what == FLOOD_ONE,
		      heard = what == FLOOD_HEARD;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
		    (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING,
		    heard ? 2 : 3, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
		BPF_JUMP(
		    BPF_JMP | BPF_JSET | BPF_K, 1, group ? 0 : 1, one ? 0 : 1),
		BPF_STMT(BPF_RET | BPF_K, YES),
		BPF_STMT(BPF_RET | BPF_K, NO),
	};
	const struct sock_fprog filter = { ARRAY_LEN(code), code };
	const struct sockaddr_ll where = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)ifindex };
	auto_fd int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	const int least = 0;

	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)) ==
		-1 ||
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
		sizeof(filter)) == -1 ||
	    bind(fd, (const struct sockaddr *)&where, sizeof(where)) == -1)
		return err_sys(err, "count a machine's frames");
	return take_fd(&fd);
}

void
flood_release(struct flood *f)
{
	for (int i = 0; i < FLOOD_COUNTS; i++) {
		own_close(&f->at[i]);
		f->at[i] = -1;
	}
	f->ifindex = 0;
}

static int
begin(struct flood *f, unsigned ifindex, struct err *err)
{
	flood_release(f);
	for (int i = 0; i < FLOOD_COUNTS; i++)
		if ((f->at[i] = counter((enum flood_count)i, ifindex, err)) ==
		    -1)
			return -1;
	f->ifindex = ifindex;
	return 0;
}

int64_t
flood_look(struct flood *f, const char *tap, int64_t limit, int64_t now,
    struct err *err)
{
	unsigned ifindex = if_nametoindex(tap);
	int64_t n[FLOOD_COUNTS], ms = now - f->since, counted;

	f->since = now;
	if (ifindex == 0) /* it ended, and is looked at by others */
		return 0;
	if (ifindex != f->ifindex)
		return begin(f, ifindex, err);
	for (int i = 0; i < FLOOD_COUNTS; i++) {
		struct tpacket_stats s; /* since it was asked last */
		socklen_t len = sizeof(s);

		if (getsockopt(f->at[i], SOL_PACKET, PACKET_STATISTICS, &s,
			&len) == -1)
			return err_sys(err, "count a machine's frames");
		n[i] = s.tp_packets;
	}
	counted = n[FLOOD_GROUP];
	if (n[FLOOD_ONE] > FLOOD_UNHEARD * n[FLOOD_HEARD])
		counted += n[FLOOD_ONE];
	counted = ms > 0 ? counted * 1000 / ms : 0;
	return counted > limit ? counted : 0;
}
