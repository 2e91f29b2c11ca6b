/* Lower-case hex, and nothing else. */
#ifndef KILN_HEX_H
#define KILN_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void hex_encode(char *out, const uint8_t *, size_t n); /* 2n + NUL */
/* False unless `text` is exactly 2n lower-case hex digits. */
bool hex_decode(uint8_t *out, size_t n, const char *text, size_t text_len);

#endif
