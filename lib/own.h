/*
 * Ownership that ends with the scope: `auto_free char *s = …`, `auto_fd int
 * fd = …`.  Set at declaration; hand over with take_fd() or take_ptr().
 */
#ifndef KILN_OWN_H
#define KILN_OWN_H

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static inline void
own_free(void *p)
{
	free(*(void **)p);
}

static inline void
own_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void
own_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define auto_free __attribute__((cleanup(own_free)))
#define auto_fd __attribute__((cleanup(own_close)))
#define auto_dir __attribute__((cleanup(own_closedir)))

static inline int
take_fd(int *fd)
{
	int t = *fd;

	*fd = -1;
	return t;
}

static inline void *
take_ptr_(void *pp)
{
	void *t = *(void **)pp;

	*(void **)pp = NULL;
	return t;
}
#define take_ptr(pp) ((__typeof__(*(pp)))take_ptr_(pp))

#endif
