/* rooms: router-agent/trust/tar.c */
/* A router file of anybody's: what is found lies within it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/own.h"
#include "router-agent/trust/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const names[] = { "router.json", "absent",
		"tuf/metadata/timestamp.json" };
	auto_fd int fd = memfd_create("tar", MFD_CLOEXEC);
	struct err err = ERR_INIT;

	if (fd == -1 || fd_write_all(fd, data, n, &err) == -1)
		abort();
	for (size_t i = 0; i < 3; i++) {
		int64_t at, size;

		if (tar_find(fd, names[i], &at, &size, &err) == 0 &&
		    (at < 512 || size < 0 || at + size > (int64_t)n))
			abort();
	}
	return 0;
}
