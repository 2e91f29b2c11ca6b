/*
 * What record wrote down, as replay uses it: the folder as it was, and what
 * became of it, call by call.  Whatever is wrong ends the process with 97.
 */
#ifndef KILN_FAULT_RECORDING_H
#define KILN_FAULT_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef uint64_t ino;

enum op_kind {
	OP_CREATE,
	OP_LINK,
	OP_UNLINK,
	OP_RENAME,
	OP_WRITE,
	OP_SIZE,
	OP_MODE,
	OP_OWN,
	OP_TIME,
	OP_SYNC,
	OP_SYNCALL,
};

struct op {
	enum op_kind kind;
	size_t line;
	ino a, b;	 /* folder, folder; or the file */
	char *name, *to; /* names */
	bool exchange;
	int64_t offset, length, at;
	int64_t x, y;
	bool kept;
};

/* A file or folder, by its number. */
struct node {
	ino ino;
	char type;
	char *path;    /* as it was before, NULL: new */
	char *target;  /* of a link */
	size_t synced; /* the op that synced it last */
	mode_t mode;   /* of a new one */
	uid_t uid;
	gid_t gid;
	bool touched; /* bytes or attributes are others now */
	bool staged;  /* its bytes lie in the stage */
	bool placed;
};

struct entry {
	ino dir, is;
	char *name;
	bool moved; /* it is not what it was before */
};

struct recording {
	struct op *ops;
	size_t nops, capops;
	struct node *nodes;
	size_t nnodes, capnodes;
	struct entry *entries; /* every name that was or came */
	size_t nentries, capentries;
};

/* `points`: prints those worth trying, too. */
void recording_read(struct recording *, const char *path, bool points);
/* Of a number; one that nothing is known of is made, of type '?'. */
struct node *recording_node(struct recording *, ino);
/* Who is called so in a folder; 0: nobody. */
ino recording_who(const struct recording *, ino dir, const char *name);
void recording_name(
    struct recording *, ino dir, const char *name, ino is, bool moved);

_Noreturn void recording_die(const char *what);

#endif
