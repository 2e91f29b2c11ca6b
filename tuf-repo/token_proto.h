/*
 * What kiln-tuf and its token child say to each other over a SOCK_SEQPACKET
 * pair (lib/ipc.h).  One question, one answer.  A PIN travels as a descriptor
 * that ends with it, so that it is in locked memory alone on both sides.
 *
 *   TOKEN_OPEN  str uri                        TOKEN_IS    str label, str
 *                                              pin-source, u32 needs a PIN
 *   TOKEN_SIGN  bytes            [fd: PIN]     TOKEN_DONE  bytes key, bytes
 *                                              signature
 *   TOKEN_SHOW                   [fd: PIN]     TOKEN_KEY   bytes key, str uri
 *   TOKEN_MAKE  str label        [fd: PIN]     TOKEN_KEY
 * or TOKEN_FAILED u32 class, str sentence.
 */
#ifndef KILN_TOKEN_PROTO_H
#define KILN_TOKEN_PROTO_H

#define TOKEN_SOCKET 3 /* the child's end */
#define TOKEN_LABEL_MAX 256

enum token_message {
	TOKEN_OPEN = 1,
	TOKEN_SIGN,
	TOKEN_SHOW,
	TOKEN_MAKE,
	TOKEN_IS,
	TOKEN_DONE,
	TOKEN_KEY,
	TOKEN_FAILED,
};

#endif
