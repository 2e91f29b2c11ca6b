/*
 * A filled reply as HTTP: conditional requests, one byte range of a file,
 * and the headers that every answer carries.
 */
#ifndef KILN_SEND_H
#define KILN_SEND_H

#include "web/req.h"

/* Those that tell of type, entity, caching and what a browser may do. */
void send_headers(struct MHD_Response *, const struct reply *);

/* Takes the reply's body and descriptor.  MHD_NO ends the connection. */
enum MHD_Result send_reply(struct req *, struct reply *);

/*
 * A Range header against a file of `size` bytes.  1: a part; 0: none, or none
 * that we know (the whole file is sent, RFC 9110 14.2); -1: beyond the file.
 */
int byte_range(const char *text, int64_t size, int64_t *from, int64_t *n);

#endif
