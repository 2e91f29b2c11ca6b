/*
 * forms STATE FROM N: gives a founded farm N small compressed forms, numbered
 * from FROM, which the next `kiln-tuf serve --once` lists and publishes.
 */
#include <stdio.h>

#include "lib/drop.h"
#include "lib/farm.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tests/support/tuf_forms.h"

static int
forms(struct farm *farm, struct repo *r, char **argv, struct err *err)
{
	int64_t from, n;

	if (num_int(argv[2], 0, INT32_MAX, &from, err) == -1 ||
	    num_int(argv[3], 1, INT32_MAX, &n, err) == -1 ||
	    farm_enter(farm, argv[1], NULL, false, err) == -1 ||
	    drop_to(ROLE_TUF, err) == -1 || repo_open(r, farm, err) == -1)
		return -1;
	return forms_add(r, (size_t)from, (size_t)n, err);
}

int
main(int argc, char **argv)
{
	struct farm farm = FARM_INIT;
	struct repo r = REPO_INIT;
	struct err err = ERR_INIT;
	int rc = -1;

	if (argc != 4)
		err_set(&err, ERR_INPUT, "usage: forms STATE FROM N");
	else
		rc = forms(&farm, &r, argv, &err);
	repo_release(&r);
	farm_release(&farm);
	if (rc == -1)
		fprintf(stderr, "forms: %s\n", err.msg);
	return rc == -1;
}
