/*
 * A compressed or delta form from anybody.  As it is, it must be refused or
 * applied within its bounds.  Then its frames' hashes are put right, as one
 * who holds the transport key could, so that the bytes of the frames reach the
 * decompressor, too.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/delta.h"
#include "lib/fdio.h"
#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define OLD_SIZE 5000
#define NEW_MAX (5 << 20) /* so that a run stays short */
#define FIRST_HASH 116	  /* docs/formats.md, "transport" */
#define FRAME_ENTRY 36

static int
old_image(void)
{
	static int fd = -1;
	char text[OLD_SIZE];

	if (fd != -1)
		return fd;
	fd = memfd_create("old", MFD_CLOEXEC);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i * i % 19);
	if (fd == -1 || write(fd, text, sizeof(text)) != sizeof(text))
		abort();
	return fd;
}

static void
apply(const void *bytes, size_t n)
{
	auto_fd int file = memfd_create("file", MFD_CLOEXEC);
	auto_fd int out = memfd_create("out", MFD_CLOEXEC);
	struct err err = ERR_INIT;
	int64_t size;

	if (file == -1 || out == -1 || fd_write_all(file, bytes, n, &err) == -1)
		abort();
	if (delta_apply(file, old_image(), out, NULL, &err) == -1)
		err_clear(&err);
	if (fd_size(out, &size, &err) == -1 || size > NEW_MAX)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	auto_delta struct delta d = DELTA_INIT;
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	if (delta_read_head(&d, data, n, NULL, &err) == -1)
		return 0;
	if (d.new_size > NEW_MAX)
		return 0;
	apply(data, n);
	buf_add(&b, data, n);
	for (size_t i = 0; i < d.nframes; i++) {
		const struct delta_frame *f = &d.frames[i];
		struct hash h;

		if (f->length == 0 || f->at + f->length > (int64_t)n)
			continue;
		hash_bytes(&h, data + f->at, f->length);
		memcpy(b.data + FIRST_HASH + i * FRAME_ENTRY, h.b, sizeof(h.b));
	}
	apply(b.data, b.len);
	return 0;
}
