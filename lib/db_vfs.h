/*
 * The VFS that lib/db.c opens with.
 *
 * Paths must stay as they are given: SQLite resolves a name to find the
 * folder of -wal and -shm, and resolving asks for search rights on every
 * folder above.  A copy of the default VFS whose xFullPathname copies the
 * name avoids that, so "/proc/self/fd/N/farm.db" works.
 */
#ifndef KILN_DB_VFS_H
#define KILN_DB_VFS_H

const char *db_vfs(void); /* its name; registered when first asked for */

#endif
