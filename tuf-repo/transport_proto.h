/*
 * kiln-tuf and its transport child, over a SOCK_SEQPACKET pair (lib/ipc.h).
 *
 *   TRANSPORT_MAKE    u32 level; descriptors: new image, empty file for the
 *                     result, and the old image if there is one
 *   TRANSPORT_MADE    u32 size of the head; everything else the parent reads
 *                     from the file itself
 *   TRANSPORT_FAILED  u32 class of error, str sentence
 */
#ifndef KILN_TRANSPORT_PROTO_H
#define KILN_TRANSPORT_PROTO_H

enum transport_message { TRANSPORT_MAKE = 1, TRANSPORT_MADE, TRANSPORT_FAILED };

#endif
