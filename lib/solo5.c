#include "lib/solo5.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/num.h"

#define FILE_MAX (256 << 20) /* bytes */
#define SEGMENTS 64
#define NOTES 64
#define NOTE_MANIFEST 0x3154464d /* "MFT1" */
#define NOTE_ABI 0x31494241	 /* "ABI1" */
#define MANIFEST_PAD 4		 /* its struct begins at a multiple of 8 */
#define MANIFEST_HEAD (MANIFEST_PAD + 8)
#define ENTRY 104
#define ENTRY_TYPE 68
#define ENTRY_ZEROES 72 /* what a tender fills in, from here on */
#define RESERVED_FIRST ((uint32_t)1 << 30)

static const char *const targets[] = { "hvt", "spt", "virtio", "muen", "genode",
	"xen" };

const char *
solo5_target_name(enum solo5_target t)
{
	return targets[t - SOLO5_HVT];
}

const char *
solo5_device_name(enum solo5_device_type t)
{
	return t == SOLO5_BLOCK ? "BLOCK_BASIC" : "NET_BASIC";
}

static uint32_t
u32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static bool
zeroes(const unsigned char *p, size_t n)
{
	while (n > 0 && p[n - 1] == 0)
		n--;
	return n == 0;
}

static bool
name_taken(const struct solo5 *s, const char *name)
{
	for (size_t i = 0; i < s->ndevices; i++)
		if (strcmp(s->devices[i].name, name) == 0)
			return true;
	return false;
}

/* It becomes a word of a tender's command line: --net:NAME=… */
static bool
device_name_ok(const char *s)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	return *s && s[strspn(s, letters)] == '\0';
}

static int
read_device(const unsigned char *p, struct solo5 *s, struct err *err)
{
	struct solo5_device *d = &s->devices[s->ndevices];
	uint32_t type = u32(p + ENTRY_TYPE);

	if (!memchr(p, '\0', SOLO5_NAME))
		return err_set(
		    err, ERR_INPUT, "manifest: a device's name has no end");
	memcpy(d->name, p, SOLO5_NAME);
	if (!device_name_ok(d->name) || name_taken(s, d->name))
		return err_set(err, ERR_INPUT,
		    "manifest: device %zu is not named by letters and digits, "
		    "or as another",
		    s->ndevices + 1);
	if (type != SOLO5_BLOCK && type != SOLO5_NET)
		return err_set(err, ERR_INPUT,
		    "manifest: %s is a device of unknown type %u", d->name,
		    type);
	if (!zeroes(p + ENTRY_ZEROES, ENTRY - ENTRY_ZEROES))
		return err_set(err, ERR_INPUT,
		    "manifest: %s says what its tender is to say", d->name);
	d->type = (enum solo5_device_type)type;
	s->ndevices++;
	return 0;
}

static int
read_manifest(
    const unsigned char *p, size_t n, struct solo5 *s, struct err *err)
{
	uint32_t entries;

	if (s->manifest != 0)
		return err_set(err, ERR_INPUT, "two manifests");
	if (n < MANIFEST_HEAD)
		return err_set(err, ERR_INPUT, "manifest: cut short");
	s->manifest = u32(p + MANIFEST_PAD);
	entries = u32(p + MANIFEST_PAD + 4);
	if (s->manifest != 1)
		return err_set(err, ERR_INPUT, "manifest: unknown version %u",
		    s->manifest);
	if (entries < 1 || entries > SOLO5_DEVICES + 1 ||
	    n != MANIFEST_HEAD + (size_t)entries * ENTRY)
		return err_set(err, ERR_INPUT,
		    "manifest: %u entries do not fill its %zu bytes", entries,
		    n);
	p += MANIFEST_HEAD;
	if (u32(p + ENTRY_TYPE) != RESERVED_FIRST || !zeroes(p, ENTRY_TYPE) ||
	    !zeroes(p + ENTRY_ZEROES, ENTRY - ENTRY_ZEROES))
		return err_set(
		    err, ERR_INPUT, "manifest: its first entry is a device");
	for (uint32_t i = 1; i < entries; i++)
		if (read_device(p + (size_t)i * ENTRY, s, err) == -1)
			return -1;
	return 0;
}

static int
read_abi(const unsigned char *p, size_t n, struct solo5 *s, struct err *err)
{
	uint32_t target;

	if (s->target != 0)
		return err_set(err, ERR_INPUT, "two ABI notes");
	if (n != 16)
		return err_set(
		    err, ERR_INPUT, "ABI: %zu bytes instead of 16", n);
	target = u32(p);
	if (target < SOLO5_HVT || target > SOLO5_XEN)
		return err_set(
		    err, ERR_INPUT, "ABI: unknown target %u", target);
	s->target = (enum solo5_target)target;
	s->abi = u32(p + 4);
	return 0;
}

/* The notes of a segment: header, name and content, each to 4 bytes. */
static int
read_notes(
    const unsigned char *p, uint64_t size, struct solo5 *s, struct err *err)
{
	uint64_t at = 0;

	for (int i = 0; i < NOTES && at + 12 <= size; i++) {
		uint64_t name = u32(p + at), desc = u32(p + at + 4);
		uint32_t type = u32(p + at + 8);
		uint64_t body = at + 12 + ((name + 3) & ~UINT64_C(3));

		if (body > size || desc > size - body)
			return err_set(err, ERR_INPUT,
			    "a note is longer than its segment");
		if (name == sizeof("Solo5") &&
		    memcmp(p + at + 12, "Solo5", sizeof("Solo5")) == 0) {
			if (type == NOTE_MANIFEST &&
			    read_manifest(p + body, desc, s, err) == -1)
				return -1;
			if (type == NOTE_ABI &&
			    read_abi(p + body, desc, s, err) == -1)
				return -1;
		}
		at = body + ((desc + 3) & ~UINT64_C(3));
	}
	return 0;
}

int
solo5_read(const void *bytes, size_t size, struct solo5 *out, struct err *err)
{
	static const unsigned char ident[] = { 0x7f, 'E', 'L', 'F', ELFCLASS64,
		ELFDATA2LSB, EV_CURRENT };
	struct solo5 s = { 0 };
	Elf64_Ehdr head;

	if (size < sizeof(head) || memcmp(bytes, ident, sizeof(ident)) != 0)
		return err_set(err, ERR_MISSING, "not an ELF file of 64 bits");
	memcpy(&head, bytes, sizeof(head));
	if (head.e_phentsize != sizeof(Elf64_Phdr) || head.e_phnum > SEGMENTS ||
	    head.e_phoff > size ||
	    head.e_phnum * sizeof(Elf64_Phdr) > size - head.e_phoff)
		return err_set(
		    err, ERR_MISSING, "an ELF file without a list of segments");
	for (size_t i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr ph;

		memcpy(&ph, (const char *)bytes + head.e_phoff + i * sizeof(ph),
		    sizeof(ph));
		if (ph.p_type != PT_NOTE)
			continue;
		if (ph.p_offset > size || ph.p_filesz > size - ph.p_offset)
			return err_set(err, ERR_INPUT,
			    "segment %zu lies beyond the file", i + 1);
		if (read_notes((const unsigned char *)bytes + ph.p_offset,
			ph.p_filesz, &s, err) == -1)
			return -1;
	}
	if (s.manifest == 0 && s.target == 0)
		return err_set(err, ERR_MISSING, "no notes of Solo5");
	if (s.manifest == 0 || s.target == 0)
		return err_set(err, ERR_INPUT, "no %s of Solo5",
		    s.manifest == 0 ? "manifest" : "ABI note");
	*out = s;
	return 0;
}

int
solo5_read_fd(int fd, struct solo5 *out, struct err *err)
{
	struct stat st;
	char magic[4];
	void *p;
	int ret;

	if (fstat(fd, &st) == -1 || st.st_size > FILE_MAX ||
	    pread(fd, magic, sizeof(magic), 0) != sizeof(magic) ||
	    memcmp(magic, "\177ELF", sizeof(magic)) != 0)
		return err_set(err, ERR_MISSING, "no ELF file");
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(err, "map a file");
	ret = solo5_read(p, (size_t)st.st_size, out, err);
	munmap(p, (size_t)st.st_size);
	return ret;
}

/* --- as text -------------------------------------------------------------- */

static const char *const types[] = { "block", "net" };

void
solo5_text(const struct solo5 *s, struct buf *b)
{
	buf_printf(b, "%s %u", solo5_target_name(s->target), s->abi);
	for (size_t i = 0; i < s->ndevices; i++)
		buf_printf(b, " %s:%s", types[s->devices[i].type - SOLO5_BLOCK],
		    s->devices[i].name);
}

/* Which of the words it is, from 1 on; 0: none of them. */
static unsigned
word(struct span s, const char *const *words, unsigned n)
{
	while (n > 0 && !span_is(s, words[n - 1]))
		n--;
	return n;
}

static bool
take_text(struct span rest, struct solo5 *s)
{
	struct err ignored = ERR_INIT;
	struct span part;
	char text[SOLO5_NAME];
	int64_t abi;

	if (!span_next(&rest, ' ', &part))
		return false;
	s->target = (enum solo5_target)word(part, targets, ARRAY_LEN(targets));
	if (s->target == 0 || !span_next(&rest, ' ', &part) ||
	    !span_copy(part, text, sizeof(text)) ||
	    num_int(text, 0, UINT32_MAX, &abi, &ignored) == -1)
		return false;
	s->abi = (uint32_t)abi;
	while (span_next(&rest, ' ', &part)) {
		struct solo5_device *d = &s->devices[s->ndevices];
		struct span type;

		if (s->ndevices == SOLO5_DEVICES ||
		    !span_next(&part, ':', &type) ||
		    !span_copy(part, d->name, sizeof(d->name)))
			return false;
		d->type =
		    (enum solo5_device_type)word(type, types, ARRAY_LEN(types));
		if (d->type == 0 || !device_name_ok(d->name) ||
		    name_taken(s, d->name))
			return false;
		s->ndevices++;
	}
	return true;
}

int
solo5_from_text(const char *text, struct solo5 *out, struct err *err)
{
	struct solo5 s = { .manifest = 1 };

	if (!take_text(span_str(text), &s))
		return err_set(err, ERR_INPUT,
		    "\"%.200s\" is not what a unikernel says of itself", text);
	*out = s;
	return 0;
}
