/* kiln recipe sign: what a maintainer signs are the files as a farm reads
 * them; kiln-tuf holds the key, asks and signs. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/cli/cmd.h"
#include "builder/cli/recipe_sign.h"
#include "builder/plan/recipe_read.h"
#include "builder/plan/recipe_tree.h"
#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/recipe_sig.h"
#include "lib/sealed.h"

static char *
program(struct err *err)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n == -1) {
		err_sys(err, "find kiln-tuf");
		return NULL;
	}
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	return mem_printf("%s/kiln-tuf", self);
}

/* A recipe that is wrong is worth nobody's name. */
static int
list_files(
    const char *folder, const char *name, struct buf *out, struct err *err)
{
	struct recipe r = { .name = mem_str(name), .folder = mem_str(name) };
	auto_free char *path = mem_printf("%s/%s", folder, name);
	auto_fd int dir = dir_open(path, err);
	auto_json json_t *tree = NULL;
	int rc = -1;

	if (dir != -1 && recipe_tree_read(dir, NULL, &r, err) == 0 &&
	    recipe_read(dir, &r, err) == 0) {
		tree = recipe_tree_json(&r);
		rc = canon_json(tree, out, err);
	}
	recipe_read_release(&r);
	recipe_tree_release(&r);
	free(r.folder);
	free(r.name);
	return rc;
}

int
recipe_sign(const struct recipe_signing *s, const char *folder,
    const char *name, struct err *err)
{
	auto_free char *out =
	    mem_printf("%s/%s/" RECIPE_SIG_FILE, folder, name);
	auto_free char *tuf = program(err), *list = NULL;
	auto_buf struct buf text = BUF_INIT;
	auto_fd int tree = -1;
	const char *argv[12] = { tuf, "sign-recipe", "--key", s->key, "--out",
		out };
	size_t n = 6;

	if (!tuf || list_files(folder, name, &text, err) == -1 ||
	    (tree = sealed_make(text.data, text.len, err)) == -1)
		return -1;
	if (s->yes)
		argv[n++] = "--yes";
	if (s->pass) {
		argv[n++] = "--passphrase-file";
		argv[n++] = s->pass;
	}
	list = mem_printf("/proc/self/fd/%d", tree);
	argv[n++] = list;
	/* In our place, since it asks on the terminal. */
	if (fcntl(tree, F_SETFD, 0) == 0)
		execv(tuf, (char *const *)argv);
	return err_sys(err, "start kiln-tuf");
}
