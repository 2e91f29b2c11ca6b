/* rooms: router-agent/trust/tar.c */
/* Members of a router file, found where they lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "lib/own.h"
#include "router-agent/trust/tar.h"

/* A header as GNU tar writes it. */
static void
header(char h[512], const char *name, char type, const char *size)
{
	unsigned sum = 0;

	memset(h, 0, 512);
	snprintf(h, 100, "%s", name);
	snprintf(h + 124, 12, "%s", size);
	h[156] = type;
	memcpy(h + 257, "ustar  ", 8);
	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
}

static void
add(int fd, const char *name, char type, const char *bytes)
{
	char h[512], size[12], pad[512] = { 0 };
	size_t n = strlen(bytes);
	struct err err = ERR_INIT;

	snprintf(size, sizeof(size), "%011o", (unsigned)n);
	header(h, name, type, size);
	assert_int_equal(fd_write_all(fd, h, 512, &err), 0);
	assert_int_equal(fd_write_all(fd, bytes, n, &err), 0);
	assert_int_equal(fd_write_all(fd, pad, (512 - n % 512) % 512, &err), 0);
}

static void
end(int fd)
{
	char zero[1024] = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(fd_write_all(fd, zero, sizeof(zero), &err), 0);
}

static int
file(void)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);

	assert_int_not_equal(fd, -1);
	return fd;
}

/* The error's class, or that these bytes were found. */
static enum err_class
found(int fd, const char *name, const char *bytes)
{
	struct err err = ERR_INIT;
	int64_t at, size;
	char got[64] = { 0 };

	if (tar_find(fd, name, &at, &size, &err) == -1)
		return err.cls;
	assert_int_equal(size, strlen(bytes));
	assert_int_equal(pread(fd, got, (size_t)size, at), size);
	assert_string_equal(got, bytes);
	return ERR_NONE;
}

static void
members_are_found_by_their_whole_names(void **state)
{
	auto_fd int fd = file();

	(void)state;
	add(fd, "one", '0', "first");
	add(fd, "folder/two", '0', "second");
	add(fd, "empty", '0', "");
	end(fd);
	assert_int_equal(found(fd, "one", "first"), ERR_NONE);
	assert_int_equal(found(fd, "folder/two", "second"), ERR_NONE);
	assert_int_equal(found(fd, "empty", ""), ERR_NONE);
	assert_int_equal(found(fd, "two", ""), ERR_MISSING);
	assert_int_equal(found(fd, "on", ""), ERR_MISSING);
}

static void
a_long_name_lies_in_a_member_before(void **state)
{
	auto_fd int fd = file();
	char name[200];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	add(fd, "././@LongLink", 'L', name);
	name[100] = '\0';
	add(fd, name, '0', "long");
	add(fd, "after", '0', "short");
	end(fd);
	assert_int_equal(found(fd, name, ""), ERR_MISSING);
	name[100] = 'n';
	assert_int_equal(found(fd, name, "long"), ERR_NONE);
	assert_int_equal(found(fd, "after", "short"), ERR_NONE);
}

static void
what_is_no_regular_file_is_not_found(void **state)
{
	auto_fd int fd = file();

	(void)state;
	add(fd, "link", '2', "");
	add(fd, "folder", '5', "");
	add(fd, "device", '3', "");
	add(fd, "hard", '1', "");
	add(fd, "link", '0', "a file of that name");
	end(fd);
	assert_int_equal(found(fd, "folder", ""), ERR_MISSING);
	assert_int_equal(found(fd, "device", ""), ERR_MISSING);
	assert_int_equal(found(fd, "hard", ""), ERR_MISSING);
	assert_int_equal(found(fd, "link", "a file of that name"), ERR_NONE);
}

static void
a_file_that_is_cut_off_is_refused(void **state)
{
	auto_fd int fd = file();

	(void)state;
	add(fd, "one", '0', "first");
	assert_int_equal(found(fd, "one", "first"), ERR_NONE);
	/* No end: nobody knows what came after. */
	assert_int_equal(found(fd, "two", ""), ERR_INPUT);
	assert_int_equal(ftruncate(fd, 514), 0);
	assert_int_equal(found(fd, "one", ""), ERR_INPUT);
	assert_int_equal(ftruncate(fd, 300), 0);
	assert_int_equal(found(fd, "one", ""), ERR_INPUT);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(found(fd, "one", ""), ERR_INPUT);
}

static void
sizes_beyond_the_file_are_refused(void **state)
{
	static const char *const sizes[] = { "77777777777 ", "00000000002",
		"garbage    ", "\200\377\377\377" };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		auto_fd int fd = file();
		struct err err = ERR_INIT;
		char h[512];

		header(h, "one", '0', sizes[i]);
		assert_int_equal(fd_write_all(fd, h, 512, &err), 0);
		assert_int_equal(found(fd, "one", ""), ERR_INPUT);
	}
}

static void
a_header_that_does_not_add_up_is_refused(void **state)
{
	auto_fd int fd = file();

	(void)state;
	add(fd, "one", '0', "first");
	end(fd);
	assert_int_equal(pwrite(fd, "0", 1, 0), 1);
	assert_int_equal(found(fd, "one", ""), ERR_INPUT);
}

static void
a_name_without_its_file_is_refused(void **state)
{
	auto_fd int fd = file();

	(void)state;
	add(fd, "././@LongLink", 'L', "name");
	end(fd);
	assert_int_equal(found(fd, "name", ""), ERR_INPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found_by_their_whole_names),
		cmocka_unit_test(a_long_name_lies_in_a_member_before),
		cmocka_unit_test(what_is_no_regular_file_is_not_found),
		cmocka_unit_test(a_file_that_is_cut_off_is_refused),
		cmocka_unit_test(sizes_beyond_the_file_are_refused),
		cmocka_unit_test(a_header_that_does_not_add_up_is_refused),
		cmocka_unit_test(a_name_without_its_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
