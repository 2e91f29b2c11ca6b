#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "lib/fdio.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/machine/vm.h"

int
vm_hurry(const struct vm *vm, struct err *err)
{
	char path[64];
	auto_dir DIR *tasks = NULL;
	struct dirent *e;
	int ours = getpriority(PRIO_PROCESS, 0);

	if (vm->qemu.pid <= 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)vm->qemu.pid);
	tasks = opendir(path);
	if (!tasks)
		return err_sys(err, "list the threads of %s", vm->service);
	while ((e = readdir(tasks)) != NULL) {
		int64_t tid;
		struct err why = ERR_INIT;

		/* One that ended meanwhile needs nothing. */
		if (num_int(e->d_name, 1, 1 << 30, &tid, &why) == 0 &&
		    setpriority(PRIO_PROCESS, (id_t)tid, ours) == -1 &&
		    errno != ESRCH)
			return err_sys(err, "hurry %s", vm->service);
	}
	return 0;
}
