#include <assert.h>
#include <pthread.h>
#include <string.h>

#include <sqlite3.h>

#include "lib/db_vfs.h"

static sqlite3_vfs shim;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int
shim_full_path(sqlite3_vfs *vfs, const char *name, int room, char *out)
{
	size_t n = strlen(name);

	(void)vfs;
	if (room <= 0 || n >= (size_t)room)
		return SQLITE_CANTOPEN;
	memcpy(out, name, n + 1);
	return SQLITE_OK;
}

static void
shim_register(void)
{
	sqlite3_vfs *unix_vfs;
	int rc;

	rc = sqlite3_initialize();
	assert(rc == SQLITE_OK);
	unix_vfs = sqlite3_vfs_find(NULL);
	assert(unix_vfs);
	shim = *unix_vfs;
	shim.pNext = NULL;
	shim.zName = "kiln";
	shim.xFullPathname = shim_full_path;
	rc = sqlite3_vfs_register(&shim, 0);
	assert(rc == SQLITE_OK);
	(void)rc;
}

const char *
db_vfs(void)
{
	pthread_once(&once, shim_register);
	return shim.zName;
}
