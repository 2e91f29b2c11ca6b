/*
 * Sockets of probes: from the agent's own address, on one interface if need
 * be, and never longer than until a time_mono_ms().
 */
#ifndef AGENT_ASK_H
#define AGENT_ASK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"

/* "no answer from SERVER in time": ERR_BUSY, -1. */
int ask_late(struct err *, const char *server);
/* Connected to the numeric IPv4 address; `type` of socket(2).  `from` and
 * `device` may be NULL. */
int ask_connect(const char *server, uint16_t port, const char *from,
    const char *device, int type, int64_t until, struct err *) KILN_MUST;
/* 1: ready; 0: not before `until`. */
int ask_wait(int fd, short events, int64_t until, struct err *) KILN_MUST;
/* Exactly n bytes of a stream; ERR_INPUT when it ends before. */
int ask_read(int fd, uint8_t *out, size_t n, int64_t until, const char *server,
    struct err *) KILN_MUST;

#endif
