/* rooms: router-agent/machine/volume.c */
/* State volumes: made, copied, swept. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/own.h"
#include "router-agent/machine/volume.h"
#include "tests/support/scratch.h"

static const struct set_volume state_volume = { "state", "/var/lib/x",
	4 << 20 };
#define BOUND ((int64_t)64 << 20)

static void
put(int dir, const char *service, int64_t generation, off_t at,
    const char *text)
{
	auto_fd int fd = -1;
	struct err err = ERR_INIT;

	assert_int_equal(
	    volume_open(dir, service, "state", generation, &fd, &err), 0);
	assert_int_equal(
	    pwrite(fd, text, strlen(text), at), (ssize_t)strlen(text));
}

static void
holds(int dir, const char *service, int64_t generation, off_t at,
    const char *text)
{
	auto_fd int fd = -1;
	struct err err = ERR_INIT;
	char got[64] = "";

	assert_int_equal(
	    volume_open(dir, service, "state", generation, &fd, &err), 0);
	assert_int_equal(
	    pread(fd, got, strlen(text), at), (ssize_t)strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

static void
a_new_volume_is_an_ext4_of_its_size(void **state)
{
	int dir = scratch.fd;
	struct err err = ERR_INIT;
	auto_fd int fd = -1;
	unsigned char magic[2];
	struct stat st;

	(void)state;
	assert_int_equal(volume_newest(dir, "box"), 0);
	assert_int_equal(volume_make(dir, "box", &state_volume, 1, &err), 0);
	assert_int_equal(volume_open(dir, "box", "state", 1, &fd, &err), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 4 << 20);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(pread(fd, magic, 2, 1024 + 56), 2);
	assert_int_equal(magic[0], 0x53);
	assert_int_equal(magic[1], 0xef);
	assert_int_equal(volume_newest(dir, "box"), 1);
}

static void
a_copy_has_the_data_and_the_holes(void **state)
{
	int dir = scratch.fd;
	struct err err = ERR_INIT;
	struct set_volume larger = state_volume;

	(void)state;
	larger.size = 64 << 20;
	assert_int_equal(volume_make(dir, "box", &larger, 1, &err), 0);
	put(dir, "box", 1, 40 << 20, "far behind");
	assert_int_equal(
	    volume_copy(dir, "box", &larger, 1, 2, BOUND, NULL, NULL, &err), 0);
	holds(dir, "box", 2, 40 << 20, "far behind");
	assert_true(volume_allocated(dir, "box", "state", 2) < 32 << 20);
	/* What is written to one is not in the other. */
	put(dir, "box", 2, 40 << 20, "another");
	holds(dir, "box", 1, 40 << 20, "far behind");
}

static void
a_copy_grows_to_what_is_asked_and_never_shrinks(void **state)
{
	int dir = scratch.fd;
	struct err err = ERR_INIT;
	struct set_volume v = state_volume;
	auto_fd int fd = -1, again = -1;
	int64_t size;

	(void)state;
	assert_int_equal(volume_make(dir, "box", &v, 1, &err), 0);
	v.size = 8 << 20;
	assert_int_equal(
	    volume_copy(dir, "box", &v, 1, 2, BOUND, NULL, NULL, &err), 0);
	assert_int_equal(volume_open(dir, "box", "state", 2, &fd, &err), 0);
	assert_int_equal(fd_size(fd, &size, &err), 0);
	assert_int_equal(size, 8 << 20);
	v.size = 1 << 20;
	assert_int_equal(
	    volume_copy(dir, "box", &v, 2, 3, BOUND, NULL, NULL, &err), 0);
	assert_int_equal(volume_open(dir, "box", "state", 3, &again, &err), 0);
	assert_int_equal(fd_size(again, &size, &err), 0);
	assert_int_equal(size, 8 << 20);
}

static void
a_copy_beyond_its_bound_is_refused(void **state)
{
	int dir = scratch.fd;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(volume_make(dir, "box", &state_volume, 1, &err), 0);
	put(dir, "box", 1, 2 << 20, "data");
	/* By reference there is nothing to copy. */
	if (!volume_reflinks(dir)) {
		assert_int_equal(volume_copy(dir, "box", &state_volume, 1, 2,
				     4096, NULL, NULL, &err),
		    -1);
		assert_int_equal(err.cls, ERR_INPUT);
		assert_non_null(strstr(err.msg, "raise state_copy"));
	}
}

static bool
stop(void *arg)
{
	(*(int *)arg)++;
	return true;
}

static void
a_copy_stops_when_it_is_told_and_its_source_stays(void **state)
{
	int dir = scratch.fd, asked = 0;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(volume_make(dir, "box", &state_volume, 1, &err), 0);
	put(dir, "box", 1, 2 << 20, "data");
	if (!volume_reflinks(dir)) {
		assert_int_equal(volume_copy(dir, "box", &state_volume, 1, 2,
				     BOUND, stop, &asked, &err),
		    -1);
		assert_int_equal(err.cls, ERR_BUSY);
		assert_int_equal(asked, 1);
	}
	holds(dir, "box", 1, 2 << 20, "data");
	/* What was begun is begun anew. */
	assert_int_equal(volume_copy(dir, "box", &state_volume, 1, 2, BOUND,
			     NULL, NULL, &err),
	    0);
	holds(dir, "box", 2, 2 << 20, "data");
}

static void
a_volume_that_is_missing_is_named(void **state)
{
	int dir = scratch.fd, fd = -1;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(volume_open(dir, "box", "state", 4, &fd, &err), -1);
	assert_int_equal(err.cls, ERR_MISSING);
	assert_non_null(strstr(err.msg, "volume state of box"));
	assert_int_equal(fd, -1);
}

static bool
only_two(const void *arg, const char *service, int64_t generation)
{
	(void)arg;
	return strcmp(service, "box") != 0 || generation == 2;
}

static void
sweeping_removes_what_nobody_keeps(void **state)
{
	int dir = scratch.fd;
	struct err err = ERR_INIT;

	(void)state;
	for (int64_t i = 1; i <= 3; i++)
		assert_int_equal(
		    volume_make(dir, "box", &state_volume, i, &err), 0);
	assert_int_equal(volume_make(dir, "other", &state_volume, 1, &err), 0);
	assert_int_equal(
	    file_write_at(dir, "box/notes", "mine", 4, 0600, &err), 0);
	assert_int_equal(volume_sweep(dir, only_two, NULL, &err), 0);
	assert_false(file_exists_at(dir, "box/state.1"));
	assert_true(file_exists_at(dir, "box/state.2"));
	assert_false(file_exists_at(dir, "box/state.3"));
	assert_true(file_exists_at(dir, "box/notes"));
	assert_true(file_exists_at(dir, "other/state.1"));
}

#define CASE(f) \
	cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_new_volume_is_an_ext4_of_its_size),
		CASE(a_copy_has_the_data_and_the_holes),
		CASE(a_copy_grows_to_what_is_asked_and_never_shrinks),
		CASE(a_copy_beyond_its_bound_is_refused),
		CASE(a_copy_stops_when_it_is_told_and_its_source_stays),
		CASE(a_volume_that_is_missing_is_named),
		CASE(sweeping_removes_what_nobody_keeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
