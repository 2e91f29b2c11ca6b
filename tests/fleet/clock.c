/* A clock that others set: `fleet.clock` in the working directory, eight bytes
 * of Unix seconds; without that file it is the machine's.  Linked in the place
 * of lib's time_now, in the simulator and in the farm's programs beside it. */
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fleet/clock.h"

int64_t __wrap_time_now(void);
int64_t __real_time_now(void);

static const volatile int64_t *at;

/* Before main: a signer may open no file any more when it asks. */
__attribute__((constructor)) static void
clock_look(void)
{
	int fd = open(CLOCK_SET, O_RDONLY | O_CLOEXEC);
	void *p;

	if (fd == -1)
		return;
	p = mmap(NULL, sizeof(*at), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		at = p;
}

int64_t
__wrap_time_now(void)
{
	return at ? *at : __real_time_now();
}

int64_t *
clock_make(void)
{
	int fd = open(CLOCK_SET, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	void *p;

	if (fd == -1 || ftruncate(fd, sizeof(int64_t)) == -1)
		return NULL;
	p = mmap(
	    NULL, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}
