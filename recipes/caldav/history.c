#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "recipes/caldav/request.h"

/* git's dumb protocol: plain files of the repository, and no others. */
enum MHD_Result
history_asked(struct request *q, const char *path)
{
	const struct open_how how = { .flags = O_RDONLY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	const char *rest = request_calendar(q, path);
	char file[300];
	struct fault f;
	struct stat st;
	int fd;

	if (rest == NULL ||
	    (strcmp(rest, "HEAD") != 0 && strcmp(rest, "info/refs") != 0 &&
		strncmp(rest, "objects/", 8) != 0))
		return request_words(q, MHD_HTTP_NOT_FOUND, "not here\n");
	if (strcmp(rest, "info/refs") == 0 &&
	    keep_for_clone(request_keep(q), &f) == -1)
		return request_failed(q, &f);
	if ((size_t)snprintf(file, sizeof file, ".git/%s", rest) >= sizeof file)
		return request_words(q, MHD_HTTP_NOT_FOUND, "not here\n");
	fd = (int)syscall(SYS_openat2, q->at.keep->dir, file, &how, sizeof how);
	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		if (fd != -1)
			close(fd);
		return request_words(q, MHD_HTTP_NOT_FOUND, "not here\n");
	}
	return request_answer(q, MHD_HTTP_OK,
	    MHD_create_response_from_fd((size_t)st.st_size, fd),
	    "application/octet-stream", NULL);
}
