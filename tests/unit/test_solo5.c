/* Notes of Solo5 in files that are made here, byte by byte. */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/solo5.h"

struct entry {
	const char *name;
	uint32_t type;
};

static void
add32(struct buf *b, uint32_t v)
{
	for (int i = 0; i < 32; i += 8)
		buf_char(b, (char)(v >> i & 0xff));
}

static void
add_zeroes(struct buf *b, size_t n)
{
	while (n-- > 0)
		buf_char(b, '\0');
}

static void
add_note(struct buf *b, const char *type, const struct buf *desc)
{
	add32(b, 6);
	add32(b, (uint32_t)desc->len);
	buf_add(b, type, 4);
	buf_add(b, "Solo5\0\0", 8);
	buf_add(b, desc->data, desc->len);
	add_zeroes(b, -desc->len & 3);
}

static void
add_manifest(struct buf *notes, uint32_t version, const struct entry *e,
    size_t n, uint32_t entries)
{
	struct buf d = BUF_INIT;

	add_zeroes(&d, 4);
	add32(&d, version);
	add32(&d, entries);
	for (size_t i = 0; i < n; i++) {
		buf_add(&d, e[i].name, strlen(e[i].name));
		add_zeroes(&d, SOLO5_NAME - strlen(e[i].name));
		add32(&d, e[i].type);
		add_zeroes(&d, 104 - 72);
	}
	add_note(notes, "MFT1", &d);
	buf_release(&d);
}

static void
add_abi(struct buf *notes, uint32_t target, uint32_t version, size_t more)
{
	struct buf d = BUF_INIT;

	add32(&d, target);
	add32(&d, version);
	add_zeroes(&d, 8 + more);
	add_note(notes, "ABI1", &d);
	buf_release(&d);
}

/* One segment with all notes, behind one that is none. */
static void
make_elf(struct buf *out, const struct buf *notes)
{
	Elf64_Ehdr h = { .e_phoff = sizeof(h),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2 };
	Elf64_Phdr load = { .p_type = PT_LOAD };
	Elf64_Phdr note = { .p_type = PT_NOTE,
		.p_offset = sizeof(h) + 2 * sizeof(note),
		.p_filesz = notes->len };

	memcpy(h.e_ident, "\177ELF\2\1\1", 7);
	buf_add(out, &h, sizeof(h));
	buf_add(out, &load, sizeof(load));
	buf_add(out, &note, sizeof(note));
	buf_add(out, notes->data, notes->len);
}

static const struct entry usual[] = { { "", 1U << 30 }, { "service", 2 },
	{ "storage", 1 } };

static void
a_unikernel_says_its_devices_and_its_tender(void **state)
{
	struct buf notes = BUF_INIT, elf = BUF_INIT;
	struct err err = ERR_INIT;
	struct solo5 s;

	(void)state;
	add_manifest(&notes, 1, usual, 3, 3);
	add_abi(&notes, SOLO5_SPT, 1, 0);
	make_elf(&elf, &notes);
	if (solo5_read(elf.data, elf.len, &s, &err) == -1)
		fail_msg("%s", err.msg);
	assert_int_equal(s.manifest, 1);
	assert_int_equal(s.ndevices, 2);
	assert_string_equal(s.devices[0].name, "service");
	assert_string_equal(solo5_device_name(s.devices[0].type), "NET_BASIC");
	assert_string_equal(s.devices[1].name, "storage");
	assert_string_equal(
	    solo5_device_name(s.devices[1].type), "BLOCK_BASIC");
	assert_string_equal(solo5_target_name(s.target), "spt");
	assert_int_equal(s.abi, 1);
	/* Every cut of it is told, and nothing beyond it is read. */
	for (size_t n = 0; n < elf.len; n++) {
		char *part = malloc(n ? n : 1);

		memcpy(part, elf.data, n);
		assert_int_equal(solo5_read(part, n, &s, &err), -1);
		free(part);
	}
	buf_release(&notes);
	buf_release(&elf);
}

static void
refused(const struct buf *notes, enum err_class cls, const char *says)
{
	struct buf elf = BUF_INIT;
	struct err err = ERR_INIT;
	struct solo5 s;

	make_elf(&elf, notes);
	assert_int_equal(solo5_read(elf.data, elf.len, &s, &err), -1);
	assert_string_equal(err.msg, says);
	assert_int_equal(err.cls, cls);
	buf_release(&elf);
}

static void
refused_manifest(uint32_t version, const struct entry *e, size_t n,
    uint32_t entries, const char *says)
{
	struct buf notes = BUF_INIT;

	add_manifest(&notes, version, e, n, entries);
	add_abi(&notes, SOLO5_HVT, 2, 0);
	refused(&notes, ERR_INPUT, says);
	buf_release(&notes);
}

static void
a_manifest_out_of_form_is_refused(void **state)
{
	const struct entry twice[] = { usual[0], usual[1], usual[1] },
			   odd[] = { usual[0], { "service", 3 } },
			   blank[] = { usual[0], { "a b", 2 } },
			   nameless[] = { usual[0], { "", 2 } };

	(void)state;
	refused_manifest(2, usual, 3, 3, "manifest: unknown version 2");
	refused_manifest(
	    1, usual, 3, 2, "manifest: 2 entries do not fill its 324 bytes");
	refused_manifest(
	    1, usual, 3, 0, "manifest: 0 entries do not fill its 324 bytes");
	refused_manifest(1, usual, 1, 0x80000001,
	    "manifest: 2147483649 entries do not fill its 116 bytes");
	refused_manifest(
	    1, usual + 1, 2, 2, "manifest: its first entry is a device");
	refused_manifest(1, twice, 3, 3,
	    "manifest: device 2 is not named by letters and digits, or as "
	    "another");
	refused_manifest(1, blank, 2, 2,
	    "manifest: device 1 is not named by letters and digits, or as "
	    "another");
	refused_manifest(1, nameless, 2, 2,
	    "manifest: device 1 is not named by letters and digits, or as "
	    "another");
	refused_manifest(
	    1, odd, 2, 2, "manifest: service is a device of unknown type 3");
}

static void
notes_come_once_and_both(void **state)
{
	struct buf notes = BUF_INIT;

	(void)state;
	refused(&notes, ERR_MISSING, "no notes of Solo5");
	add_abi(&notes, SOLO5_HVT, 2, 0);
	refused(&notes, ERR_INPUT, "no manifest of Solo5");
	add_abi(&notes, SOLO5_HVT, 2, 0);
	refused(&notes, ERR_INPUT, "two ABI notes");
	buf_clear(&notes);
	add_manifest(&notes, 1, usual, 3, 3);
	refused(&notes, ERR_INPUT, "no ABI note of Solo5");
	add_manifest(&notes, 1, usual, 3, 3);
	refused(&notes, ERR_INPUT, "two manifests");
	buf_clear(&notes);
	add_abi(&notes, 7, 1, 0);
	refused(&notes, ERR_INPUT, "ABI: unknown target 7");
	buf_clear(&notes);
	add_abi(&notes, SOLO5_HVT, 1, 4);
	refused(&notes, ERR_INPUT, "ABI: 20 bytes instead of 16");
	buf_release(&notes);
}

static void
what_is_no_unikernel_is_missing(void **state)
{
	static const char script[] = "#!/bin/sh\nexit 0\n";
	struct err err = ERR_INIT;
	struct solo5 s;

	(void)state;
	assert_int_equal(solo5_read(script, sizeof(script), &s, &err), -1);
	assert_int_equal(err.cls, ERR_MISSING);
	assert_int_equal(solo5_read("", 0, &s, &err), -1);
	assert_int_equal(err.cls, ERR_MISSING);
}

static void
its_words_are_read_back(void **state)
{
	static const char text[] = "spt 2 net:service block:storage";
	struct buf notes = BUF_INIT, elf = BUF_INIT, b = BUF_INIT;
	struct err err = ERR_INIT;
	struct solo5 s, got;

	(void)state;
	add_manifest(&notes, 1, usual, 3, 3);
	add_abi(&notes, SOLO5_SPT, 2, 0);
	make_elf(&elf, &notes);
	assert_int_equal(solo5_read(elf.data, elf.len, &s, &err), 0);
	solo5_text(&s, &b);
	assert_string_equal(b.data, text);
	assert_int_equal(solo5_from_text(text, &got, &err), 0);
	assert_memory_equal(&s, &got, sizeof(s));
	assert_int_equal(solo5_from_text("hvt 4294967295", &got, &err), 0);
	assert_int_equal(got.ndevices, 0);
	assert_int_equal(got.abi, UINT32_MAX);
	buf_release(&notes);
	buf_release(&elf);
	buf_release(&b);
}

static void
words_out_of_form_are_refused(void **state)
{
	static const char *const bad[] = { "", "spt", "spt ", "kvm 1", "spt 1x",
		"spt 4294967296", "spt -1", "spt 1 service",
		"spt 1 net:", "spt 1 disk:a", "spt 1 net:a,b",
		"spt 1 net:a  net:b", "spt 1 net:a block:a", "spt 1 net:a:b",
		"spt 1 net:12345678901234567890123456789012345678901234567890"
		"123456789012345678" };
	struct buf many = BUF_INIT;
	struct err err = ERR_INIT;
	struct solo5 s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (solo5_from_text(bad[i], &s, &err) == 0)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(err.cls, ERR_INPUT);
	}
	buf_str(&many, "spt 1");
	for (int i = 0; i < SOLO5_DEVICES; i++)
		buf_printf(&many, " net:n%d", i);
	assert_int_equal(solo5_from_text(many.data, &s, &err), 0);
	buf_str(&many, " net:n");
	assert_int_equal(solo5_from_text(many.data, &s, &err), -1);
	buf_release(&many);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_unikernel_says_its_devices_and_its_tender),
		cmocka_unit_test(a_manifest_out_of_form_is_refused),
		cmocka_unit_test(notes_come_once_and_both),
		cmocka_unit_test(what_is_no_unikernel_is_missing),
		cmocka_unit_test(its_words_are_read_back),
		cmocka_unit_test(words_out_of_form_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
