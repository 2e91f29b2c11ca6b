#include "lib/dsse.h"

#include <string.h>

void
dsse_pae(const char *type, const void *body, size_t n, struct buf *out)
{
	buf_printf(out, "DSSEv1 %zu %s %zu ", strlen(type), type, n);
	buf_add(out, body, n);
}
