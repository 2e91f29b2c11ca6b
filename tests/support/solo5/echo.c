/*
 * echo: a small unikernel for the spt target of Solo5, for tests/e2e/solo5.sh:
 * it answers ARP, ICMP echo and DNS questions for an A record, which is its
 * own address, told by --ipv4=ADDRESS/PREFIX.  No libc, no Solo5: it makes the
 * system calls that a tender's filter allows, as Solo5's bindings/spt do.
 *
 * It reads the first sector of the block device "config" and says how long the
 * text in it is; with STATE defined it counts its starts in the last sector of
 * the block device "state", with WRONG it answers with another address.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "tests/support/solo5/spt_abi.h"

#define SECTOR 512
#define FRAME 1514

/* --- what it says of itself ---------------------------------------------- */

#ifdef STATE
#define ENTRIES 4
#else
#define ENTRIES 3
#endif

#define NOTE(where) __attribute__((section(where), aligned(4), used))
static const struct {
	struct spt_note note;
	uint32_t target, version, reserved[2];
} abi NOTE(".note.solo5.abi") = {
	{ sizeof(SPT_OWNER), 16, SPT_NOTE_ABI, SPT_OWNER },
	SPT_TARGET,
	SPT_ABI,
	{ 0, 0 },
};

/* The structure inside is aligned to 8, the note's content to 4. */
static const struct {
	struct spt_note note;
	uint32_t pad, version, n;
	uint8_t entries[ENTRIES * sizeof(struct spt_entry)];
} manifest NOTE(".note.solo5.manifest") = {
	{ sizeof(SPT_OWNER), 12 + ENTRIES * sizeof(struct spt_entry),
	    SPT_NOTE_MANIFEST, SPT_OWNER },
	0,
	1,
	ENTRIES,
	{
	    [68 + 3] = SPT_FIRST >> 24,
	    [104] = 's',
	    'e',
	    'r',
	    'v',
	    'i',
	    'c',
	    'e',
	    [104 + 68] = SPT_NET,
	    [208] = 'c',
	    'o',
	    'n',
	    'f',
	    'i',
	    'g',
	    [208 + 68] = SPT_BLOCK,
#ifdef STATE
	    [312] = 's',
	    't',
	    'a',
	    't',
	    'e',
	    [312 + 68] = SPT_BLOCK,
#endif
	},
};

/* --- system calls -------------------------------------------------------- */

static long
call(long n, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = 0;
	long ret;

	__asm__ volatile(
	    "syscall"
	    : "=a"(ret)
	    : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	    : "rcx", "r11", "memory");
	return ret;
}

/* What the compiler may ask for. */
void *
memcpy(void *to, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile uint8_t *)to)[i] = ((const uint8_t *)from)[i];
	return to;
}

void *
memset(void *p, int c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile uint8_t *)p)[i] = (uint8_t)c;
	return p;
}

static int
same(const void *a, const void *b, size_t n)
{
	const uint8_t *p = a, *q = b;

	while (n > 0 && p[n - 1] == q[n - 1])
		n--;
	return n == 0;
}

static void
say(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	call(SYS_write, 1, (long)text, (long)n, 0, 0);
}

static void
say_number(const char *what, uint64_t v)
{
	char text[24];
	size_t i = sizeof(text) - 1;

	text[i--] = '\0';
	text[i--] = '\n';
	do
		text[i--] = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	say(what);
	say(text + i + 1);
}

static _Noreturn void
end(const char *why)
{
	say(why);
	for (;;)
		call(SYS_exit_group, 255, 0, 0, 0, 0);
}

/* --- devices ------------------------------------------------------------- */

static const struct spt_entry *
device(const struct spt_boot *b, const char *name, size_t n)
{
	for (uint32_t i = 1; i < b->manifest->n; i++)
		if (b->manifest->at[i].attached &&
		    same(b->manifest->at[i].name, name, n + 1))
			return &b->manifest->at[i];
	end("echo: a device is missing\n");
}
#define DEVICE(b, name) device(b, name, sizeof(name) - 1)

static uint8_t sector[SECTOR], frame[FRAME];

static void
read_config(const struct spt_boot *b)
{
	const struct spt_entry *d = DEVICE(b, "config");
	uint64_t n = 0;

	if (call(SYS_pread64, d->host.fd, (long)sector, SECTOR, 0, 0) !=
		SECTOR ||
	    !same(sector, "kilnconf", 8))
		end("echo: the configuration cannot be read\n");
	for (int i = 8; i < 16; i++)
		n = n << 8 | sector[i];
	say_number("echo: configuration of bytes ", n);
}

#ifdef STATE
static void
count_start(const struct spt_boot *b)
{
	const struct spt_entry *d = DEVICE(b, "state");
	long at = (long)d->of.block.capacity - SECTOR;

	if (call(SYS_pread64, d->host.fd, (long)sector, SECTOR, at, 0) !=
	    SECTOR)
		end("echo: the state cannot be read\n");
	sector[0]++;
	if (call(SYS_pwrite64, d->host.fd, (long)sector, SECTOR, at, 0) !=
	    SECTOR)
		end("echo: the state cannot be written\n");
	say_number("echo: start ", sector[0]);
}
#endif

/* --- its address --------------------------------------------------------- */

static uint8_t mac[6], address[4];

static void
read_address(const char *words)
{
	static const char key[] = "--ipv4=";
	unsigned part = 0, v = 0;

	while (*words && !same(words, key, sizeof(key) - 1))
		words++;
	for (words += *words ? sizeof(key) - 1 : 0; part < 4; words++) {
		if (*words >= '0' && *words <= '9') {
			v = v * 10 + (unsigned)(*words - '0');
			continue;
		}
		address[part++] = (uint8_t)v;
		v = 0;
		if (*words != '.')
			break;
	}
	if (part != 4)
		end("echo: no address\n");
}

/* --- packets ------------------------------------------------------------- */

static unsigned
get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned
checksum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += get16(p + i);
	if (n & 1)
		sum += (uint32_t)p[n - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static void
swap(uint8_t *a, uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t c = a[i];

		a[i] = b[i];
		b[i] = c;
	}
}

/* All return the answer's length, in `frame`; 0: there is none. */
static size_t
arp(size_t n)
{
	uint8_t *p = frame + 14;

	if (n < 42 || get16(p + 6) != 1 || !same(p + 24, address, 4))
		return 0;
	put16(p + 6, 2);
	memcpy(p + 18, p + 8, 10); /* who asked is who is told */
	memcpy(p + 8, mac, 6);
	memcpy(p + 14, address, 4);
	return 42;
}

static size_t
icmp(uint8_t *p, size_t n)
{
	if (n < 8 || p[0] != 8)
		return 0;
	p[0] = 0;
	put16(p + 2, 0);
	put16(p + 2, checksum(p, n));
	return n;
}

/* One question of class IN for an A record, whatever its name. */
static size_t
dns(uint8_t *p, size_t n)
{
	uint8_t answer[16] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4 };
	size_t at = 12;

	if (n < 17 || p[2] & 0x80 || get16(p + 4) != 1)
		return 0;
	while (at < n && p[at])
		at += p[at] + 1U;
	at += 5;
	if (at > n || get16(p + at - 4) != 1 || get16(p + at - 2) != 1 ||
	    at + sizeof(answer) > FRAME - 42)
		return 0;
	memcpy(answer + 12, address, 4);
#ifdef WRONG
	answer[15] ^= 1;
#endif
	memcpy(p + at, answer, sizeof(answer));
	p[2] = (uint8_t)(0x84 | (p[2] & 1)); /* an answer, by who knows */
	p[3] = 0;
	put16(p + 6, 1);
	put16(p + 8, 0);
	put16(p + 10, 0);
	return at + sizeof(answer);
}

static size_t
udp(uint8_t *p, size_t n)
{
	size_t len;

	if (n < 8 || get16(p + 4) < 8 || get16(p + 4) > n || get16(p + 2) != 53)
		return 0;
	len = dns(p + 8, get16(p + 4) - 8);
	if (len == 0)
		return 0;
	swap(p, p + 2, 2);
	put16(p + 4, (unsigned)len + 8);
	put16(p + 6, 0); /* without a checksum */
	return len + 8;
}

static size_t
ip(size_t n)
{
	uint8_t *p = frame + 14;
	size_t len;

	/* Without options and fragments, and for us. */
	if (n < 34 || p[0] != 0x45 || get16(p + 6) & 0x3fff ||
	    !same(p + 16, address, 4) || get16(p + 2) < 20 ||
	    get16(p + 2) > n - 14)
		return 0;
	len = get16(p + 2) - 20;
	len = p[9] == 1 ? icmp(p + 20, len) : p[9] == 17 ? udp(p + 20, len) : 0;
	if (len == 0)
		return 0;
	swap(p + 12, p + 16, 4);
	put16(p + 2, (unsigned)len + 20);
	p[8] = 64;
	put16(p + 10, 0);
	put16(p + 10, checksum(p, 20));
	return 34 + len;
}

static void
serve(int net)
{
	long n = call(SYS_read, net, (long)frame, FRAME, 0, 0);
	size_t out = 0;

	if (n < 14)
		return;
	if (get16(frame + 12) == 0x0806)
		out = arp((size_t)n);
	else if (get16(frame + 12) == 0x0800)
		out = ip((size_t)n);
	if (out == 0)
		return;
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, mac, 6);
	call(SYS_write, net, (long)frame, (long)out, 0, 0);
}

void start(const struct spt_boot *) __attribute__((used));

void
start(const struct spt_boot *b)
{
	const struct spt_entry *net = DEVICE(b, "service");
	uint8_t event[12];

	say("echo: started\n");
	memcpy(mac, net->of.net.mac, sizeof(mac));
	read_address(b->words);
	read_config(b);
#ifdef STATE
	count_start(b);
#endif
	for (;;)
		if (call(SYS_epoll_pwait, b->events, (long)event, 1, -1, 0) > 0)
			serve(net->host.fd);
}

/* The tender jumps here with the stack a call would leave. */
__asm__(".globl _start\n_start: jmp start\n");
