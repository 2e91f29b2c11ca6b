/* Writes a record: a name of 32 bytes, and a number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct record {
	char name[32];
	int number;
};

int
main(int argc, char **argv)
{
	struct record *r = malloc(sizeof(*r));

	(void)argv;
	if (!r)
		return 1;
	if (argc > 1)
		memset(r, 0, sizeof(*r));
	strcpy(r->name, "cucumber");
	r->number = 42;
	return fwrite(r, sizeof(*r), 1, stdout) == 1 ? 0 : 1;
}
