/*
 * `kiln-agent -x launch UID ACCEL ROOM patient|"" PROGRAM …`: the last step
 * before QEMU.  Gives it namespaces of its own (no network but the tap it
 * holds, no System V memory of others, and for KVM a /dev/kvm that belongs to
 * its uid), limits (files of ROOM bytes), the uid of its machine and, if it is
 * patient, a lower priority; then becomes QEMU.
 */
#ifndef AGENT_LAUNCH_H
#define AGENT_LAUNCH_H

int launch_main(int argc, char **argv);

#endif
