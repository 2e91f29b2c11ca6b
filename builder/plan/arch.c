#include "builder/plan/arch.h"

#include <string.h>
#include <sys/utsname.h>

static const struct arch {
	const char *name, *machine, *triplet, *loader;
} known[] = {
	{ "amd64", "x86_64", "x86_64-linux-gnu",
	    "/lib64/ld-linux-x86-64.so.2" },
	{ "arm64", "aarch64", "aarch64-linux-gnu",
	    "/lib/ld-linux-aarch64.so.1" },
	{ "armhf", "armv7l", "arm-linux-gnueabihf",
	    "/lib/ld-linux-armhf.so.3" },
	{ "riscv64", "riscv64", "riscv64-linux-gnu",
	    "/lib/ld-linux-riscv64-lp64d.so.1" },
};
_Static_assert(ARRAY_LEN(known) == ARCHES, "arch.h counts them");

const char *
arch_own(struct err *err)
{
	struct utsname u;

	if (uname(&u) == -1) {
		err_sys(err, "ask the kernel for the architecture");
		return NULL;
	}
	for (size_t i = 0; i < ARCHES; i++)
		if (strcmp(u.machine, known[i].machine) == 0)
			return known[i].name;
	err_set(err, ERR_INPUT, "kiln does not know the architecture %s",
	    u.machine);
	return NULL;
}

static const struct arch *
find(const char *name)
{
	for (size_t i = 0; i < ARCHES; i++)
		if (strcmp(known[i].name, name) == 0)
			return &known[i];
	return NULL;
}

const char *
arch_known(const char *name)
{
	const struct arch *a = find(name);

	return a ? a->name : NULL;
}

void
arch_every(const char *names[ARCHES])
{
	for (size_t i = 0; i < ARCHES; i++)
		names[i] = known[i].name;
}

const char *
arch_triplet(const char *arch)
{
	return find(arch)->triplet;
}

const char *
arch_loader(const char *arch)
{
	return find(arch)->loader;
}
