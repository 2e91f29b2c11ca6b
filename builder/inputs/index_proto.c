#include "builder/inputs/index_proto.h"

#include "lib/fdio.h"

void
index_put_package(struct buf *b, const struct lock_package *p)
{
	ipc_add_str(b, p->name);
	ipc_add_str(b, p->version);
	ipc_add_str(b, p->arch);
	ipc_add_hash(b, &p->sha256);
	ipc_add_i64(b, p->size);
	ipc_add_str(b, p->path);
	ipc_add_str(b, p->suite);
}

void
index_put_source(struct buf *b, const struct lock_source *s)
{
	ipc_add_str(b, s->name);
	ipc_add_str(b, s->version);
	ipc_add_str(b, s->file);
	ipc_add_hash(b, &s->sha256);
	ipc_add_i64(b, s->size);
	ipc_add_str(b, s->path);
	ipc_add_str(b, s->suite);
}

int
index_get_package(struct ipc_msg *m, struct lock_package *p, struct err *err)
{
	*p = (struct lock_package){ 0 };
	if (ipc_get_str(m, INDEX_NAME, &p->name, err) == -1 ||
	    ipc_get_str(m, INDEX_NAME, &p->version, err) == -1 ||
	    ipc_get_str(m, INDEX_NAME, &p->arch, err) == -1 ||
	    ipc_get_hash(m, &p->sha256, err) == -1 ||
	    ipc_get_i64(m, &p->size, err) == -1 ||
	    ipc_get_str(m, INDEX_PATH, &p->path, err) == -1 ||
	    ipc_get_str(m, INDEX_NAME, &p->suite, err) == -1 ||
	    ipc_end(m, err) == -1)
		goto bad;
	if (name_ok(p->name) && name_ok(p->arch) && path_ok(p->path) &&
	    p->size >= 0)
		return 0;
	err_set(err, ERR_INPUT,
	    "the index lists a package with a name or "
	    "path that is not allowed");
bad:
	lock_package_release(p);
	return -1;
}

int
index_get_source(struct ipc_msg *m, struct lock_source *s, struct err *err)
{
	*s = (struct lock_source){ 0 };
	if (ipc_get_str(m, INDEX_NAME, &s->name, err) == -1 ||
	    ipc_get_str(m, INDEX_NAME, &s->version, err) == -1 ||
	    ipc_get_str(m, INDEX_NAME, &s->file, err) == -1 ||
	    ipc_get_hash(m, &s->sha256, err) == -1 ||
	    ipc_get_i64(m, &s->size, err) == -1 ||
	    ipc_get_str(m, INDEX_PATH, &s->path, err) == -1 ||
	    ipc_get_str(m, INDEX_NAME, &s->suite, err) == -1 ||
	    ipc_end(m, err) == -1)
		goto bad;
	if (name_ok(s->name) && name_ok(s->file) && path_ok(s->path) &&
	    s->size >= 0)
		return 0;
	err_set(err, ERR_INPUT,
	    "the index lists a source file with a name "
	    "or path that is not allowed");
bad:
	lock_source_release(s);
	return -1;
}
