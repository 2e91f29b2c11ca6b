#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recipes/guest-init/guest.h"

int
fault_set(struct fault *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->text, sizeof f->text, fmt, ap);
	va_end(ap);
	return -1;
}

int
fault_sys(struct fault *f, const char *fmt, ...)
{
	int saved = errno, n;
	va_list ap;

	va_start(ap, fmt);
	n = vsnprintf(f->text, sizeof f->text, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof f->text)
		snprintf(f->text + n, sizeof f->text - (size_t)n, ": %s",
		    strerror(saved));
	return -1;
}

json_t *
guest_json(const char *what, const void *bytes, size_t n, struct fault *f)
{
	json_error_t why;
	json_t *j;

	j = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &why);
	if (j == NULL) {
		fault_set(
		    f, "%s:%d:%d: %s", what, why.line, why.column, why.text);
		return NULL;
	}
	if (!json_is_object(j)) {
		fault_set(f, "%s: not a JSON object", what);
		json_decref(j);
		return NULL;
	}
	return j;
}

/* A key may hold any Unicode; a console gets the harmless part of it. */
static void
printable(const char *from, char *to, size_t size)
{
	size_t i = 0;

	for (; from[i] != '\0' && i + 1 < size; i++)
		to[i] = from[i] > ' ' && from[i] <= '~' ? from[i] : '?';
	to[i] = '\0';
}

int
guest_only(const char *what, const json_t *obj, const char *const *keys,
    struct fault *f)
{
	char shown[64];
	const char *key;
	json_t *value;
	size_t i;

	/* jansson's iterator wants a non-const object and changes nothing */
	json_object_foreach((json_t *)(uintptr_t)obj, key, value)
	{
		for (i = 0; keys[i] != NULL; i++) {
			if (strcmp(keys[i], key) == 0)
				break;
		}
		if (keys[i] != NULL)
			continue;
		printable(key, shown, sizeof shown);
		return fault_set(f, "%s: unknown key \"%s\"", what, shown);
	}
	return 0;
}

static const json_t *
member(const char *what, const json_t *obj, const char *key, struct fault *f)
{
	const json_t *j = json_object_get(obj, key);

	if (j == NULL)
		fault_set(f, "%s: key \"%s\" is missing", what, key);
	return j;
}

int
guest_str(const char *what, const json_t *obj, const char *key, size_t max,
    const char **out, struct fault *f)
{
	const json_t *j = member(what, obj, key, f);
	size_t i, n;

	if (j == NULL)
		return -1;
	n = json_string_length(j);
	if (!json_is_string(j) || n == 0 || n > max)
		return fault_set(f,
		    "%s: \"%s\" is not a text of 1 to %zu bytes", what, key,
		    max);
	for (i = 0; i < n; i++) {
		if (json_string_value(j)[i] < ' ' ||
		    json_string_value(j)[i] > '~')
			return fault_set(
			    f, "%s: \"%s\" is not printable ASCII", what, key);
	}
	*out = json_string_value(j);
	return 0;
}

int
guest_int(const char *what, const json_t *obj, const char *key, int64_t min,
    int64_t max, int64_t *out, struct fault *f)
{
	const json_t *j = member(what, obj, key, f);

	if (j == NULL)
		return -1;
	if (!json_is_integer(j) || json_integer_value(j) < min ||
	    json_integer_value(j) > max)
		return fault_set(f,
		    "%s: \"%s\" is not an integer from %lld to %lld", what, key,
		    (long long)min, (long long)max);
	*out = json_integer_value(j);
	return 0;
}

int
guest_array(const char *what, const json_t *obj, const char *key, size_t max,
    json_t **out, struct fault *f)
{
	const json_t *j = member(what, obj, key, f);

	if (j == NULL)
		return -1;
	if (!json_is_array(j) || json_array_size(j) > max)
		return fault_set(f, "%s: \"%s\" is not an array of at most %zu",
		    what, key, max);
	*out = json_object_get(obj, key);
	return 0;
}

int
guest_addr(const char *what, const char *key, const char *text,
    struct guest_addr *out, struct fault *f)
{
	struct guest_addr a = { 0 };

	a.family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(a.family, text, a.bytes) != 1)
		return fault_set(f, "%s: \"%s\" is not an address", what, key);
	*out = a;
	return 0;
}

size_t
guest_addr_size(const struct guest_addr *a)
{
	return a->family == AF_INET6 ? 16 : 4;
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
guest_mac(
    const char *what, const char *text, unsigned char mac[6], struct fault *f)
{
	unsigned char bytes[6];
	size_t i;

	if (strlen(text) != 17)
		goto bad;
	for (i = 0; i < 6; i++) {
		int hi = nibble(text[3 * i]), lo = nibble(text[3 * i + 1]);

		if (hi == -1 || lo == -1 || (i < 5 && text[3 * i + 2] != ':'))
			goto bad;
		bytes[i] = (unsigned char)(hi << 4 | lo);
	}
	memcpy(mac, bytes, sizeof bytes);
	return 0;
bad:
	return fault_set(
	    f, "%s: \"mac\" is not six pairs of lower-case hex digits", what);
}

static bool
labels_ok(const char *s, bool dots)
{
	size_t label = 0, i;

	for (i = 0; s[i] != '\0'; i++) {
		char c = s[i];
		bool inner = label > 0 && s[i + 1] != '\0' && s[i + 1] != '.';

		if (dots && c == '.' && label > 0 && s[i + 1] != '\0') {
			label = 0;
			continue;
		}
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			c == '_' || (c == '-' && inner)))
			return false;
		if (++label > 63)
			return false;
	}
	return i > 0 && i <= 253;
}

bool
guest_name_ok(const char *s)
{
	return labels_ok(s, true);
}

bool
guest_label_ok(const char *s)
{
	return labels_ok(s, false);
}

int
guest_read(
    const char *path, size_t max, char **out, size_t *len, struct fault *f)
{
	size_t n = 0;
	char *bytes;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return fault_sys(f, "open %s", path);
	bytes = malloc(max + 2);
	if (bytes == NULL) {
		fault_set(f, "read %s: no memory", path);
		goto fail;
	}
	for (;;) { /* one byte beyond the limit tells that it was passed */
		ssize_t r = read(fd, bytes + n, max + 1 - n);

		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1) {
			fault_sys(f, "read %s", path);
			goto fail;
		}
		n += (size_t)r;
		if (r == 0)
			break;
		if (n > max) {
			fault_set(f, "%s is longer than %zu bytes", path, max);
			goto fail;
		}
	}
	close(fd);
	bytes[n] = '\0';
	*out = bytes;
	*len = n;
	return 0;
fail:
	free(bytes);
	close(fd);
	return -1;
}

int
guest_write(const char *path, mode_t mode, uid_t uid, const void *bytes,
    size_t n, struct fault *f)
{
	size_t done = 0;
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return fault_sys(f, "create %s", path);
	while (done < n) {
		ssize_t w = write(fd, (const char *)bytes + done, n - done);

		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1)
			goto fail;
		done += (size_t)w;
	}
	if ((uid != 0 && fchown(fd, uid, uid) == -1) || fchmod(fd, mode) == -1)
		goto fail;
	if (close(fd) == -1)
		return fault_sys(f, "write %s", path);
	return 0;
fail:
	fault_sys(f, "write %s", path);
	close(fd);
	return -1;
}
