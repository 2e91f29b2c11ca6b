#include "lib/sealed.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/own.h"

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int
sealed_make(const void *p, size_t n, struct err *err)
{
	auto_fd int fd =
	    memfd_create("kiln-sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		return err_sys(err, "make a memory file");
	if (fd_write_all(fd, p, n, err) == -1)
		return -1;
	if (lseek(fd, 0, SEEK_SET) == -1 || fcntl(fd, F_ADD_SEALS, SEALS) == -1)
		return err_sys(err, "seal a memory file");
	return take_fd(&fd);
}

int
sealed_read(int fd, size_t limit, struct buf *out, struct err *err)
{
	int seals = fd == -1 ? -1 : fcntl(fd, F_GET_SEALS);
	struct stat st;
	size_t done = 0, n;

	/* Other files have no seals; a half sealed one could still change. */
	if (seals == -1 || (seals & SEALS) != SEALS)
		return err_set(
		    err, ERR_INPUT, "a message without its sealed bytes");
	if (fstat(fd, &st) == -1)
		return err_sys(err, "look at a memory file");
	if ((uint64_t)st.st_size > limit)
		return err_set(err, ERR_INPUT,
		    "sealed bytes: %lld, at most %zu are taken",
		    (long long)st.st_size, limit);
	n = (size_t)st.st_size;
	buf_reserve(out, n);
	while (done < n) {
		ssize_t got = pread(
		    fd, out->data + out->len + done, n - done, (off_t)done);

		if (got == -1)
			return err_sys(err, "read a memory file");
		if (got == 0)
			return err_set(err, ERR_INPUT, "a memory file ended");
		done += (size_t)got;
	}
	out->len += n;
	out->data[out->len] = '\0';
	return 0;
}
