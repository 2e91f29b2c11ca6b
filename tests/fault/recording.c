#include "tests/fault/recording.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/own.h"

_Noreturn void
recording_die(const char *what)
{
	fprintf(stderr, "replay: %s: %s\n", what, strerror(errno));
	exit(97);
}

static struct node *
node_find(struct recording *r, ino i)
{
	for (size_t k = 0; k < r->nnodes; k++)
		if (r->nodes[k].ino == i)
			return &r->nodes[k];
	return NULL;
}

static struct node *
node_add(struct recording *r, ino i, char type)
{
	MEM_GROW(r->nodes, r->nnodes, r->capnodes);
	r->nodes[r->nnodes] = (struct node){ .ino = i, .type = type };
	return &r->nodes[r->nnodes++];
}

struct node *
recording_node(struct recording *r, ino i)
{
	struct node *n = node_find(r, i);

	/* A socket, or made by a build: of no use after the power is back. */
	return n ? n : node_add(r, i, '?');
}

static struct op *
op_add(struct recording *r, enum op_kind kind, size_t line)
{
	MEM_GROW(r->ops, r->nops, r->capops);
	r->ops[r->nops] = (struct op){ .kind = kind, .line = line };
	return &r->ops[r->nops++];
}

void
recording_name(
    struct recording *r, ino dir, const char *name, ino is, bool moved)
{
	for (size_t i = 0; i < r->nentries; i++)
		if (r->entries[i].dir == dir &&
		    strcmp(r->entries[i].name, name) == 0) {
			r->entries[i].is = is;
			r->entries[i].moved = moved;
			return;
		}
	MEM_GROW(r->entries, r->nentries, r->capentries);
	r->entries[r->nentries++] =
	    (struct entry){ dir, is, mem_str(name), moved };
}

ino
recording_who(const struct recording *r, ino dir, const char *name)
{
	for (size_t i = 0; i < r->nentries; i++)
		if (r->entries[i].dir == dir &&
		    strcmp(r->entries[i].name, name) == 0)
			return r->entries[i].is;
	return 0;
}

/* `had` lines name a folder before what is in it. */
static void
read_had(struct recording *r, ino i, char type, const char *path)
{
	struct node *n = node_find(r, i);
	auto_free char *copy = mem_str(path);
	char *slash = strrchr(copy, '/');
	static size_t last;
	struct node *dir = NULL;

	if (!n) {
		n = node_add(r, i, type);
		n->path = mem_str(path);
	}
	if (!slash)
		return;
	*slash = '\0';
	/* Mostly the one that the line before was in. */
	if (last < r->nnodes && r->nodes[last].path &&
	    strcmp(r->nodes[last].path, copy) == 0)
		dir = &r->nodes[last];
	for (size_t k = 0; k < r->nnodes && !dir; k++)
		if (r->nodes[k].path && strcmp(r->nodes[k].path, copy) == 0)
			dir = &r->nodes[last = k];
	if (!dir)
		recording_die("a folder is not named before what is in it");
	/* Every name is its own: what is there is found by the folder. */
	MEM_GROW(r->entries, r->nentries, r->capentries);
	r->entries[r->nentries++] =
	    (struct entry){ dir->ino, i, mem_str(slash + 1), false };
}

static void
read_change(struct recording *r, const char *word, char *rest, size_t line)
{
	uintmax_t a = 0, b = 0;
	intmax_t x = 0, y = 0, z = 0;
	unsigned mode = 0, uid = 0, gid = 0;
	int name = 0, exchange = 0;
	char type = 'f';
	struct op *o;

	if (strcmp(word, "create") == 0) {
		sscanf(rest, "%ju %ju %c %o %u %u %n", &a, &b, &type, &mode,
		    &uid, &gid, &name);
		o = op_add(r, OP_CREATE, line);
		o->name = mem_str(rest + name);
	} else if (strcmp(word, "tmpfile") == 0) {
		sscanf(rest, "%ju %o %u %u", &b, &mode, &uid, &gid);
		o = NULL;
	} else if (strcmp(word, "link") == 0) {
		sscanf(rest, "%ju %ju %n", &a, &b, &name);
		o = op_add(r, OP_LINK, line);
		o->name = mem_str(rest + name);
	} else if (strcmp(word, "unlink") == 0) {
		sscanf(rest, "%ju %n", &a, &name);
		o = op_add(r, OP_UNLINK, line);
		o->name = mem_str(rest + name);
	} else if (strcmp(word, "rename") == 0) {
		sscanf(rest, "%ju %ju %d %n", &a, &b, &exchange, &name);
		o = op_add(r, OP_RENAME, line);
		o->name = mem_str(rest + name);
		o->to = strchr(o->name, '/');
		*o->to++ = '\0';
		o->exchange = exchange;
	} else if (strcmp(word, "write") == 0) {
		sscanf(rest, "%ju %jd %jd %jd", &a, &x, &y, &z);
		o = op_add(r, OP_WRITE, line);
		o->offset = x;
		o->length = y;
		o->at = z;
	} else if (strcmp(word, "size") == 0) {
		sscanf(rest, "%ju %jd", &a, &x);
		o = op_add(r, OP_SIZE, line);
	} else if (strcmp(word, "mode") == 0) {
		sscanf(rest, "%ju %o", &a, &mode);
		x = mode;
		o = op_add(r, OP_MODE, line);
	} else if (strcmp(word, "own") == 0) {
		sscanf(rest, "%ju %jd %jd", &a, &x, &y);
		o = op_add(r, OP_OWN, line);
	} else if (strcmp(word, "time") == 0) {
		sscanf(rest, "%ju %jd %jd", &a, &x, &y);
		o = op_add(r, OP_TIME, line);
	} else if (strcmp(word, "sync") == 0) {
		sscanf(rest, "%ju", &a);
		o = op_add(r, OP_SYNC, line);
	} else if (strcmp(word, "syncall") == 0) {
		o = op_add(r, OP_SYNCALL, line);
	} else if (strcmp(word, "target") == 0) {
		sscanf(rest, "%ju %n", &a, &name);
		recording_node(r, a)->target = mem_str(rest + name);
		return;
	} else {
		recording_die(word);
	}
	if (!o || o->kind == OP_CREATE) {
		struct node *n = node_add(r, b, type);

		n->mode = mode;
		n->uid = uid;
		n->gid = gid;
		n->touched = true;
	}
	if (!o)
		return;
	if (a)
		recording_node(r, a);
	if (b)
		recording_node(r, b);
	o->a = a;
	o->b = b;
	o->x = x;
	o->y = y;
}

void
recording_read(struct recording *r, const char *path, bool points)
{
	FILE *f = fopen(path, "re");
	char *line = NULL, word[16];
	size_t cap = 0, number = 0, changes = 0;
	ssize_t n;

	if (!f)
		recording_die(path);
	while ((n = getline(&line, &cap, f)) > 0) {
		int at = 0;

		number++;
		line[n - 1] = '\0';
		if (line[0] == '@') {
			/* After each call that changed something. */
			if (points && r->nops > changes)
				printf("%zu %s\n", number, line + 2);
			changes = r->nops;
			continue;
		}
		if (sscanf(line, "%15s %n", word, &at) != 1)
			continue;
		if (strcmp(word, "had") == 0) {
			uintmax_t i;
			char type;
			int name;

			sscanf(line + at, "%ju %c %n", &i, &type, &name);
			read_had(r, i, type, line + at + name);
		} else {
			read_change(r, word, line + at, number);
		}
	}
	free(line);
	fclose(f);
}
