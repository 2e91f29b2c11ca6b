/*
 * kiln.yaml(5): one file of the operator's, with one table of its keys, for
 * all programs of a farm.  Each reads its part; a key that nobody knows, or a
 * value that is not allowed, is an error to all of them.
 */
#ifndef KILN_KILN_YAML_H
#define KILN_KILN_YAML_H

#include "lib/attr.h"
#include "lib/conf.h"
#include "lib/err.h"

#define KILN_YAML_URL_MAX 2000
#define KILN_YAML_REF_MAX 200

/*
 * `path` NULL: kiln.yaml of the farm's folder, else /etc/kiln/kiln.yaml; *out
 * stays NULL when neither is there.  A named file has to be.
 */
int kiln_yaml_read(
    struct conf **out, int farm, const char *path, struct err *) KILN_MUST;

#endif
