/*
 * Giving up rights.  As root each program takes a uid and gid of its own
 * (fixed numbers; the package makes users of the same names) before it
 * reads anything; without root it keeps the caller's and says which walls are
 * missing.  Losing uid is fatal.
 */
#ifndef KILN_DROP_H
#define KILN_DROP_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/attr.h"
#include "lib/err.h"

enum role {
	ROLE_BUILDER,	   /* kiln-builder */
	ROLE_FETCH,	   /* its network child */
	ROLE_INDEX,	   /* its archive parser */
	ROLE_TUF,	   /* kiln-tuf */
	ROLE_SIGNER,	   /* kiln-tuf -x signer */
	ROLE_WEB,	   /* kiln-web */
	ROLE_AGENT_FETCH,  /* kiln-agent's network child */
	ROLE_AGENT_VERIFY, /* kiln-agent's parser */
	ROLE_CLI,	   /* `kiln` reading databases for a person */
	ROLE_TRANSPORT,	   /* kiln-tuf -x transport */
	ROLE_ENV,	   /* kiln-builder's unpackers: they own env/ */
	ROLE_AGENT_UNPACK, /* kiln-agent's decoder */
	ROLE_GIT,	   /* kiln-builder's git child: it owns git/ */
	ROLE_DIFFER,	   /* reads outputs that differ */
	ROLE_UPLOAD,	   /* kiln-tuf upload: holds an object store's key */
	ROLE_VM,	   /* first of 64 uids, one per virtual machine */
	ROLE_COUNT
};

const char *role_name(enum role); /* "kiln-builder" … */
/* The uid of the system's user of that name, else 60800 + n.  ROLE_VM is
 * always 60832; machine m has role_uid(ROLE_VM) + m. */
uid_t role_uid(enum role);
gid_t role_gid(enum role); /* likewise */
bool role_walls(void);	   /* are we root, so that roles take effect? */

/* As root: setgroups, setresgid, setresuid, checks it cannot come back.  For
 * everyone: no capabilities, no_new_privs, not dumpable, no core, umask 022.
 * Not 0 ends badly: the caller must exit. */
int drop_to(enum role, struct err *) KILN_MUST;
/* A seccomp filter, for all threads: `no_network` refuses socket() but
 * AF_UNIX (else only Internet and netlink are left), `no_exec` refuses execve;
 * always refuses ptrace, mount, bpf, keyctl, unshare, … with EPERM.  Foreign
 * ABIs are killed.  KILN_NO_SECCOMP in a sanitizer build turns it off. */
int drop_syscalls(bool no_network, bool no_exec, struct err *) KILN_MUST;

#endif
