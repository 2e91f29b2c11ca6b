/* bench_delta NEW OLD|- OUT: the compressed form of an image, or its delta from
 * another, as kiln-tuf makes them. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/delta.h"
#include "lib/fdio.h"
#include "lib/own.h"

int
main(int argc, char **argv)
{
	auto_fd int new = -1, old = -1, out = -1;
	struct delta_made made;
	struct err err = ERR_INIT;

	if (argc != 4)
		return 2;
	new = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (strcmp(argv[2], "-") != 0)
		old = open(argv[2], O_RDONLY | O_CLOEXEC);
	out = open(argv[3], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (new == -1 || out == -1)
		return 1;
	if (delta_make(new, old, out, 19, &made, &err) == -1) {
		fprintf(stderr, "bench_delta: %s\n", err.msg);
		return 1;
	}
	return 0;
}
