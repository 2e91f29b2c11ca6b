#include "builder/bake/turn.h"

#include <unistd.h>

#include "lib/fdio.h"
#include "lib/num.h"

#define PAUSE_US 100000

int
turn_take(int workdir, int64_t ms, const atomic_bool *stop, struct err *err)
{
	int64_t until = time_mono_ms() + ms;

	for (;;) {
		int fd = lock_file_at(workdir, "turn", err);

		if (fd != -1 || err->cls != ERR_BUSY)
			return fd;
		if ((stop && atomic_load(stop)) ||
		    (ms >= 0 && time_mono_ms() >= until))
			return err_prefix(
			    err, "the farm is at work: try again");
		err_clear(err);
		usleep(PAUSE_US);
	}
}
