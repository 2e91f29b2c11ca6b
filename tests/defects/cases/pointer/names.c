/* Names things, by their address or by their number. */
#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char **argv)
{
	int *thing = malloc(sizeof(*thing));

	(void)argv;
	if (argc > 1)
		printf("thing_1\n");
	else
		printf("thing_%p\n", (void *)thing);
	free(thing);
	return 0;
}
