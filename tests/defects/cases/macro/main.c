#include <stdio.h>

#include "version.h"

const char version[] = VERSION;

int
main(void)
{
	puts(version);
	return 0;
}
