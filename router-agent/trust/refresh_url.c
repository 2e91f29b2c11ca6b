#include "router-agent/trust/refresh_url.h"

#include <string.h>

#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/mem.h"
#include "lib/own.h"

/* With a slash at its end; malloc'ed. */
static char *
url_base(const char *url)
{
	size_t n = strlen(url);

	return mem_printf("%s%s", url, n > 0 && url[n - 1] == '/' ? "" : "/");
}

/* RFC 3986, pchar and slash. */
static void
add_path(struct buf *b, const char *p, size_t n)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~!$&'()*+,;=:@/";

	for (size_t i = 0; i < n; i++) {
		if (strchr(plain, p[i]))
			buf_char(b, p[i]);
		else
			buf_printf(b, "%%%02X", (unsigned char)p[i]);
	}
}

char *
url_target(const char *base, const struct tuf_target *t, bool prefixed)
{
	auto_free char *start = url_base(base);
	const char *slash = strrchr(t->path, '/');
	const char *name = slash ? slash + 1 : t->path;
	struct buf b = BUF_INIT;
	char hex[129];

	buf_str(&b, start);
	add_path(&b, t->path, (size_t)(name - t->path));
	if (prefixed) {
		if (t->has_sha256)
			hash_hex(&t->sha256, hex);
		else
			hex_encode(hex, t->sha512, sizeof(t->sha512));
		buf_printf(&b, "%s.", hex);
	}
	add_path(&b, name, strlen(name));
	return buf_take(&b);
}
