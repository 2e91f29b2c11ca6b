/* A file that says it is a unikernel: what is read of it is within bounds. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/solo5.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = ERR_INIT;
	struct solo5 s;

	if (solo5_read(data, n, &s, &err) == -1) {
		if (err.cls != ERR_MISSING && err.cls != ERR_INPUT)
			abort();
		return 0;
	}
	if (s.manifest != 1 || s.ndevices > SOLO5_DEVICES ||
	    strlen(solo5_target_name(s.target)) == 0)
		abort();
	for (size_t i = 0; i < s.ndevices; i++)
		if (s.devices[i].name[0] == '\0' ||
		    !memchr(s.devices[i].name, '\0', SOLO5_NAME) ||
		    strlen(solo5_device_name(s.devices[i].type)) == 0)
			abort();
	return 0;
}
