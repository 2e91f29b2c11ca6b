#include <stdbool.h>
#include <string.h>

#include "recipes/guest-init/pem.h"

#define DASHES "-----"
#define WIDTH 64

static bool
take(const char **p, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*p, word, n) != 0)
		return false;
	*p += n;
	return true;
}

static bool
base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
}

/* "CERTIFICATE" is one, and "EC PRIVATE KEY" is a "PRIVATE KEY". */
static bool
label_is(const char *p, size_t n, const char *label)
{
	size_t want = strlen(label);

	if (n < want || memcmp(p + n - want, label, want) != 0)
		return false;
	if (n > want && p[n - want - 1] != ' ')
		return false;
	/* nobody is there to type its passphrase */
	return strncmp(p, "ENCRYPTED ", 10) != 0;
}

static bool
block(const char **p, const char *label, FILE *out)
{
	const char *name = *p;
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ");
	size_t written = 0;

	*p += n;
	if (!label_is(name, n, label) || !take(p, DASHES))
		return false;
	fprintf(out, DASHES "BEGIN %.*s" DASHES "\n", (int)n, name);
	for (;; ++*p) {
		if (**p == ' ')
			continue;
		if (!base64(**p))
			break;
		putc(**p, out);
		if (++written % WIDTH == 0)
			putc('\n', out);
	}
	if (written % WIDTH != 0)
		putc('\n', out);
	if (written == 0 || !take(p, DASHES "END ") ||
	    strncmp(*p, name, n) != 0)
		return false;
	*p += n;
	fprintf(out, DASHES "END %.*s" DASHES "\n", (int)n, name);
	return take(p, DASHES);
}

int
pem_write(const char *what, const char *text, const char *label, FILE *out,
    struct fault *f)
{
	const char *p = text;

	do {
		p += strspn(p, " ");
		if (!take(&p, DASHES "BEGIN ") || !block(&p, label, out))
			return fault_set(
			    f, "%s: not PEM of kind %s", what, label);
		p += strspn(p, " ");
	} while (*p != '\0');
	return 0;
}
