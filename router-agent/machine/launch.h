/*
 * `kiln-agent -x launch UID ACCEL PROGRAM …`: the last step before QEMU.
 * Gives it namespaces of its own (no network but the tap it holds, no System
 * V memory of others, and for KVM a /dev/kvm that belongs to its uid), limits,
 * and the uid of its machine; then becomes QEMU.
 */
#ifndef AGENT_LAUNCH_H
#define AGENT_LAUNCH_H

int launch_main(int argc, char **argv);

#endif
