/* Between the verifier and its parent: see verify.c, verify_main.c. */
#ifndef AGENT_VERIFY_PROTO_H
#define AGENT_VERIFY_PROTO_H

enum { VERIFY_GO = 1, VERIFY_SET, VERIFY_REFUSED };

/* Names of the kernel's parts among what is here: no service has them. */
#define VERIFY_VMLINUZ "kernel/vmlinuz"
#define VERIFY_INITRD "kernel/initrd"

#endif
