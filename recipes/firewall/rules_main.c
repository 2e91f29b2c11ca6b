/*
 * The firewall's one program: loads the rules, lets the kernel forward, then
 * follows the names in them.  Whenever a name leads elsewhere all of the rules
 * take the place of the ones before in one transaction of nft, so that nothing
 * is open meanwhile and no connection that is allowed is lost.
 *
 * What names led to is kept in KNOWN, so that one that is started anew blocks
 * what it blocked before even while nobody answers its questions.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "recipes/firewall/firewall.h"
#include "recipes/firewall/names.h"
#include "recipes/guest-init/forward.h"

#define ASK_MS 2000
#define RETRY_S 5 /* after a question without an answer */

static int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec;
}

static void
write_rules(const void *r, FILE *out)
{
	rules_write(r, out);
}

/* --- what names led to -----------------------------------------------------*/

static void
remember(const struct rules *r)
{
	int fd = open(FIREWALL_KNOWN, O_WRONLY | O_TRUNC | O_CLOEXEC);
	size_t n = r->names * sizeof r->name[0];

	if (fd == -1 || write(fd, r->name, n) != (ssize_t)n)
		fprintf(
		    stderr, "rules: " FIREWALL_KNOWN ": %s\n", strerror(errno));
	if (fd != -1)
		close(fd);
}

/* Our own bytes, of the same program on the same machine. */
static void
recall(struct rules *r)
{
	int fd = open(FIREWALL_KNOWN, O_RDONLY | O_CLOEXEC);
	struct rules_name one;
	size_t i;

	while (fd != -1 && read(fd, &one, sizeof one) == sizeof one) {
		for (i = 0; i < r->names; i++) {
			if (strcmp(r->name[i].name, one.name) == 0) {
				r->name[i] = one;
				r->name[i].due = 0;
			}
		}
	}
	if (fd != -1)
		close(fd);
}

/* Asks for what is due; when one question is not answered the rest waits, too.
 * True when a name leads elsewhere than before. */
static bool
follow(struct rules *r)
{
	bool changed = false, silent = false;
	size_t i;

	for (i = 0; i < r->names; i++) {
		struct rules_name before = r->name[i];
		int ttl;

		if (before.due > now())
			continue;
		silent = silent || names_ask(&r->resolver, ASK_MS, &r->name[i],
				       &ttl) == -1;
		r->name[i].due = now() + (silent ? RETRY_S : ttl);
		changed = changed || before.n != r->name[i].n ||
			  memcmp(before.at, r->name[i].at,
			      before.n * sizeof before.at[0]) != 0;
	}
	return changed;
}

static int
wait_ms(const struct rules *r)
{
	int64_t least = INT64_MAX, left;
	size_t i;

	for (i = 0; i < r->names; i++) {
		if (r->name[i].due < least)
			least = r->name[i].due;
	}
	if (least == INT64_MAX)
		return -1;
	left = least - now();
	return left > 0 ? (int)left * 1000 : 0;
}

/* --- who asks --------------------------------------------------------------*/

static void
tell(int door, const struct rules *r, unsigned int loads)
{
	int fd = accept4(door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	size_t i, addresses = 0;

	if (fd == -1)
		return;
	for (i = 0; i < r->names; i++)
		addresses += r->name[i].n;
	dprintf(fd, "names %zu addresses %zu loads %u\n", r->names, addresses,
	    loads);
	close(fd);
}

/* Nothing is loaded by halves: after a fault the rules before stand. */
static int
reload(const struct rules *r, unsigned int *loads, struct fault *f)
{
	remember(r);
	if (guest_nft(write_rules, r, f) == -1)
		return -1;
	++*loads;
	return 0;
}

static int
run(const json_t *config, struct fault *f)
{
	static struct rules r;
	unsigned int loads = 0;
	struct pollfd p;

	if (rules_read(config, &r, f) == -1)
		return -1;
	p = (struct pollfd){ guest_listen(FIREWALL_PORT, f), POLLIN, 0 };
	if (p.fd == -1)
		return -1;
	/* names first, so that nothing goes through that will be blocked; but
	 * whoever answers them may be reached through here alone */
	recall(&r);
	follow(&r);
	if (reload(&r, &loads, f) == -1 ||
	    guest_switch_on("/proc/sys/net/ipv4/conf/all/rp_filter", f) == -1 ||
	    guest_forward(f) == -1)
		return -1;
	for (;;) {
		if (poll(&p, 1, wait_ms(&r)) == 1)
			tell(p.fd, &r, loads);
		if (follow(&r) && reload(&r, &loads, f) == -1)
			fprintf(stderr, "rules: %s\n", f->text);
	}
}

int
main(void)
{
	auto_json json_t *config = NULL;
	struct fault f;
	char *text;
	size_t n;

	if (guest_read(FIREWALL_CONFIG, GUEST_CONFIG_MAX, &text, &n, &f) == 0) {
		config = guest_json("config", text, n, &f);
		if (config != NULL)
			run(config, &f);
	}
	fprintf(stderr, "rules: %s\n", f.text);
	return 1;
}
