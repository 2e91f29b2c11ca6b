/*
 * spt_tender: starts a unikernel of the spt target, with the command line of
 * Solo5's solo5-spt.  Debian 12 has no tender, so this is our own reading of
 * the ABI that Solo5 publishes (spt_abi.h; tenders/spt/spt_main.c, spt_core.c
 * and the two modules; tenders/common/elf.c), written for the tests alone, and
 * none of Solo5's code.  That Solo5's own tender takes the same command line
 * and the same unikernel is not shown by it.
 *
 *	spt_tender [--mem=MIB] --net:NAME=@FD [--net-mac:NAME=MAC]
 *	    [--block:NAME=FILE] [--] KERNEL [WORD ...]
 *	spt_tender --version
 */
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tests/support/solo5/spt_abi.h"

#define ENTRIES 64
#define FILTER 4096 /* bytes */
#define SECTOR 512
#define OUR_MTU 1500

struct tender {
	const char *name; /* of the kernel's file */
	uint8_t *file;
	size_t file_size;
	uint64_t memory, entry, end;
	struct spt_manifest *m;
	size_t m_size;
	int events, timer;
	scmp_filter_ctx filter;
};

static _Noreturn void
bad(const struct tender *t, const char *why)
{
	errx(1, "%s: %s", t->name, why);
}

/* --- the file ------------------------------------------------------------ */

static void
map_file(struct tender *t)
{
	int fd = open(t->name, O_RDONLY);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		err(1, "%s", t->name);
	t->file_size = (size_t)st.st_size;
	t->file = mmap(NULL, t->file_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (t->file == MAP_FAILED)
		err(1, "%s", t->name);
	close(fd);
}

static const Elf64_Phdr *
segments(const struct tender *t, size_t *n)
{
	const Elf64_Ehdr *h = (const void *)t->file;

	if (t->file_size < sizeof(*h) ||
	    memcmp(h->e_ident, ELFMAG "\2\1\1", 7) != 0 ||
	    h->e_type != ET_EXEC || h->e_machine != EM_X86_64 ||
	    h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phoff % 8 != 0 ||
	    h->e_phoff > t->file_size ||
	    h->e_phnum > (t->file_size - h->e_phoff) / sizeof(Elf64_Phdr))
		bad(t, "it is no static program for this machine");
	*n = h->e_phnum;
	return (const void *)(t->file + h->e_phoff);
}

/* The content of the note of that type, without what aligns it. */
static const uint8_t *
note(const struct tender *t, uint32_t type, size_t pad, size_t *size)
{
	size_t n;
	const Elf64_Phdr *ph = segments(t, &n);

	for (size_t i = 0; i < n; i++) {
		uint64_t at = ph[i].p_offset, end = at + ph[i].p_filesz;
		struct spt_note h;

		if (ph[i].p_type != PT_NOTE || end > t->file_size || end < at)
			continue;
		while (end - at >= sizeof(h)) {
			memcpy(&h, t->file + at, sizeof(h));
			if (h.name != sizeof(SPT_OWNER) || h.type != type ||
			    strcmp(h.owner, SPT_OWNER) != 0) {
				at += 12 + ((h.name + 3UL) & ~3UL) +
				      ((h.size + 3UL) & ~3UL);
				if (at > end)
					break;
				continue;
			}
			if (h.size < pad || h.size > end - at - sizeof(h))
				bad(t, "a note is cut short");
			*size = h.size - pad;
			return t->file + at + sizeof(h) + pad;
		}
	}
	bad(t, "it has not the notes of Solo5");
}

static void
read_notes(struct tender *t)
{
	size_t size;
	const uint8_t *p = note(t, SPT_NOTE_ABI, 0, &size);
	uint32_t abi[2];

	if (size < sizeof(abi))
		bad(t, "a note is cut short");
	memcpy(abi, p, sizeof(abi));
	if (abi[0] != SPT_TARGET || abi[1] != SPT_ABI)
		bad(t, "it is for another tender");
	p = note(t, SPT_NOTE_MANIFEST, 4, &t->m_size);
	t->m = malloc(t->m_size);
	if (!t->m || t->m_size < sizeof(*t->m))
		bad(t, "a note is cut short");
	memcpy(t->m, p, t->m_size);
	if (t->m->version != 1 || t->m->n < 1 || t->m->n > ENTRIES ||
	    t->m_size != sizeof(*t->m) + t->m->n * sizeof(struct spt_entry) ||
	    t->m->at[0].type != SPT_FIRST)
		bad(t, "its manifest is out of form");
}

/* --- devices ------------------------------------------------------------- */

/* "--WHAT:NAME=REST": the device, and the rest; NULL: it is none of those. */
static struct spt_entry *
named(struct tender *t, const char *word, const char *what, uint32_t type,
    const char **rest)
{
	size_t n = strlen(what), len;
	const char *equals = strchr(word, '=');

	if (strncmp(word, what, n) != 0 || !equals)
		return NULL;
	len = (size_t)(equals - word) - n;
	*rest = equals + 1;
	for (uint32_t i = 1; i < t->m->n; i++)
		if (t->m->at[i].type == type &&
		    strlen(t->m->at[i].name) == len &&
		    strncmp(t->m->at[i].name, word + n, len) == 0)
			return &t->m->at[i];
	errx(1, "%s: the manifest has no such device", word);
}

static void
attach_net(struct spt_entry *e, const char *where)
{
	char *end;
	long fd = strtol(where + 1, &end, 10);

	if (where[0] != '@' || *end || fd < 0 ||
	    fcntl((int)fd, F_SETFL, O_NONBLOCK) == -1)
		err(1, "%s: no open tap", where);
	e->of.net.mtu = OUR_MTU;
	e->host.fd = (int)fd;
	e->attached = true;
}

static void
attach_block(struct spt_entry *e, const char *file)
{
	int fd = open(file, O_RDWR);
	off_t size = fd == -1 ? -1 : lseek(fd, 0, SEEK_END);

	if (size == -1)
		err(1, "%s", file);
	if (size < SECTOR || size % SECTOR != 0)
		errx(1, "%s: not whole sectors", file);
	e->of.block.capacity = (uint64_t)size;
	e->of.block.sector = SECTOR;
	e->host.fd = fd;
	e->attached = true;
}

static void
take_mac(struct spt_entry *e, const char *text)
{
	unsigned v[6];
	char more;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &v[0], &v[1], &v[2],
		&v[3], &v[4], &v[5], &more) != 6)
		errx(1, "%s: no hardware address", text);
	for (int i = 0; i < 6; i++)
		e->of.net.mac[i] = (uint8_t)v[i];
}

static void
take_option(struct tender *t, const char *word)
{
	const char *rest;
	struct spt_entry *e;
	char *end;

	if (strncmp(word, "--mem=", 6) == 0) {
		t->memory = strtoull(word + 6, &end, 10) << 20;
		if (*end || t->memory < 2 * SPT_KERNEL)
			errx(1, "%s: too little memory", word);
	} else if ((e = named(t, word, "--net:", SPT_NET, &rest)) != NULL) {
		attach_net(e, rest);
	} else if ((e = named(t, word, "--net-mac:", SPT_NET, &rest)) != NULL) {
		take_mac(e, rest);
	} else if ((e = named(t, word, "--block:", SPT_BLOCK, &rest)) != NULL) {
		attach_block(e, rest);
	} else {
		errx(1, "%s: an unknown option", word);
	}
}

/* --- memory -------------------------------------------------------------- */

static uint8_t *
guest(uint64_t address)
{
	return (uint8_t *)address;
}

static void
protect(const struct tender *t, uint64_t from, uint64_t to, int prot)
{
	if (mprotect(guest(from), to - from, prot) == -1)
		err(1, "%s: protect %#lx", t->name, (unsigned long)from);
}

static void
map_memory(const struct tender *t)
{
	void *p = mmap(guest(SPT_LOW), t->memory - SPT_LOW,
	    PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
	    -1, 0);

	if (p != guest(SPT_LOW))
		err(1, "guest memory");
}

static void
load_segment(struct tender *t, const Elf64_Phdr *ph)
{
	uint64_t from = ph->p_vaddr & ~4095UL, to;
	int prot = (ph->p_flags & PF_R ? PROT_READ : 0) |
		   (ph->p_flags & PF_W ? PROT_WRITE : 0) |
		   (ph->p_flags & PF_X ? PROT_EXEC : 0);

	if (ph->p_vaddr < SPT_KERNEL || ph->p_vaddr >= t->memory ||
	    ph->p_memsz > t->memory - ph->p_vaddr ||
	    ph->p_filesz > ph->p_memsz || ph->p_offset > t->file_size ||
	    ph->p_filesz > t->file_size - ph->p_offset)
		bad(t, "a segment lies outside");
	if ((prot & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC))
		bad(t, "a segment can be written and run");
	memcpy(guest(ph->p_vaddr), t->file + ph->p_offset, ph->p_filesz);
	to = (ph->p_vaddr + ph->p_memsz + 4095) & ~4095UL;
	if (to > from)
		protect(t, from, to, prot);
	if (to > t->end)
		t->end = to;
}

static void
load(struct tender *t)
{
	size_t n;
	const Elf64_Phdr *ph = segments(t, &n);

	for (size_t i = 0; i < n; i++)
		if (ph[i].p_type == PT_LOAD)
			load_segment(t, &ph[i]);
	t->entry = ((const Elf64_Ehdr *)(const void *)t->file)->e_entry;
}

static void
boot_info(const struct tender *t, char **words)
{
	struct spt_boot b = { .memory = t->memory,
		.kernel_end = t->end,
		.events = t->events,
		.timer = t->timer };
	uint8_t *p = guest(SPT_BOOT) + sizeof(b);
	size_t used = 0;

	b.manifest = memcpy(p, t->m, t->m_size);
	p += t->m_size;
	b.words = (char *)p;
	for (; *words; words++) {
		size_t len = strlen(*words);

		if (used + len + 2 > SPT_WORDS)
			errx(1, "too many words");
		if (used > 0)
			p[used++] = ' ';
		memcpy(p + used, *words, len);
		used += len;
	}
	memcpy(guest(SPT_BOOT), &b, sizeof(b));
	protect(t, SPT_LOW, SPT_KERNEL, PROT_READ);
}

/* --- the filter ---------------------------------------------------------- */

static void
allow(const struct tender *t, int call, unsigned n,
    const struct scmp_arg_cmp *args)
{
	int rc =
	    seccomp_rule_add_array(t->filter, SCMP_ACT_ALLOW, call, n, args);

	if (rc != 0)
		errx(1, "seccomp: %s", strerror(-rc));
}

static void
allow_fd(const struct tender *t, int call, int fd)
{
	allow(t, call, 1, &SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)(unsigned)fd));
}

static void
allow_block(const struct tender *t, int call, const struct spt_entry *e)
{
	const struct scmp_arg_cmp args[] = {
		SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)(unsigned)e->host.fd),
		SCMP_A2(SCMP_CMP_EQ, SECTOR),
		SCMP_A3(SCMP_CMP_LE, e->of.block.capacity - SECTOR),
	};

	allow(t, call, 3, args);
}

static void
allow_device(struct tender *t, uint32_t i)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = i };
	const struct spt_entry *e = &t->m->at[i];

	if (!e->attached)
		errx(1, "%s is in the manifest and was not given", e->name);
	if (e->type == SPT_BLOCK) {
		allow_block(t, SCMP_SYS(pread64), e);
		allow_block(t, SCMP_SYS(pwrite64), e);
		return;
	}
	allow_fd(t, SCMP_SYS(read), e->host.fd);
	allow_fd(t, SCMP_SYS(write), e->host.fd);
	if (epoll_ctl(t->events, EPOLL_CTL_ADD, e->host.fd, &ev) == -1)
		err(1, "wait for %s", e->name);
}

static void
open_events(struct tender *t)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = SPT_TIMER };

	t->events = epoll_create1(0);
	t->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	if (t->events == -1 || t->timer == -1 ||
	    epoll_ctl(t->events, EPOLL_CTL_ADD, t->timer, &ev) == -1)
		err(1, "events");
}

static void
make_filter(struct tender *t)
{
	t->filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!t->filter)
		errx(1, "no filter");
	allow_fd(t, SCMP_SYS(write), 1);
	allow(t, SCMP_SYS(exit_group), 0, NULL);
	allow_fd(t, SCMP_SYS(epoll_pwait), t->events);
	allow_fd(t, SCMP_SYS(timerfd_settime), t->timer);
	allow_fd(t, SCMP_SYS(clock_gettime), CLOCK_MONOTONIC);
	allow_fd(t, SCMP_SYS(clock_gettime), CLOCK_REALTIME);
	allow_fd(t, SCMP_SYS(arch_prctl), 0x1002); /* ARCH_SET_FS */
	for (uint32_t i = 1; i < t->m->n; i++)
		allow_device(t, i);
}

/* By hand: whatever comes after it must make no call that it kills for. */
static void
run(struct tender *t)
{
	static struct sock_filter code[FILTER / sizeof(struct sock_filter)];
	struct sock_fprog prog = { .filter = code };
	int fd = memfd_create("filter", 0);
	ssize_t n;

	if (fd == -1 || seccomp_export_bpf(t->filter, fd) != 0 ||
	    (n = pread(fd, code, sizeof(code), 0)) <= 0 ||
	    n == (ssize_t)sizeof(code))
		errx(1, "no filter");
	close(fd);
	prog.len = (unsigned short)((size_t)n / sizeof(code[0]));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == -1)
		err(1, "filter");
	__asm__ volatile(
	    "mov %0, %%rsp\n\t"
	    "jmp *%1"
	    :
	    : "r"(t->memory - 8), "r"(t->entry), "D"((uint64_t)SPT_BOOT)
	    : "memory");
	__builtin_unreachable();
}

int
main(int argc, char **argv)
{
	struct tender t = { .memory = 512UL << 20 };
	int i = 1, kernel = 1;

	while (kernel < argc && argv[kernel][0] == '-') {
		if (strcmp(argv[kernel], "--version") == 0) {
			fprintf(stderr,
			    "spt_tender of kiln's tests\n"
			    "ABI version %d\n",
			    SPT_ABI);
			return 0;
		}
		if (strcmp(argv[kernel++], "--") == 0)
			break;
	}
	if (kernel >= argc)
		errx(1, "no kernel");
	t.name = argv[kernel];
	map_file(&t);
	read_notes(&t);
	for (; i < kernel && strcmp(argv[i], "--") != 0; i++)
		take_option(&t, argv[i]);
	map_memory(&t);
	load(&t);
	open_events(&t);
	make_filter(&t);
	boot_info(&t, argv + kernel + 1);
	run(&t);
}
