#include <stdio.h>

static int
twice(int n)
{
	return 2 * n;
}

int
main(int argc, char **argv)
{
	(void)argv;
	printf("%d\n", twice(argc));
	return 0;
}
