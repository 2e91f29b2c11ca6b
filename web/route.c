#include "web/route.h"

#include <stdio.h>
#include <string.h>

#include "lib/fdio.h"

static bool
match(const char *pattern, const char *path, struct req *req)
{
	size_t n = 0;

	while (*pattern) {
		size_t len;

		if (*pattern != '*') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		if (n == REQ_PARTS)
			return false;
		len = pattern[1] == '*' ? strlen(path) : strcspn(path, "/");
		if (len == 0 || len >= sizeof(req->part[n]))
			return false;
		memcpy(req->part[n], path, len);
		req->part[n][len] = '\0';
		if (pattern[1] == '*' ? !path_ok(req->part[n])
				      : !name_ok(req->part[n]))
			return false;
		n++;
		path += len;
		pattern += pattern[1] == '*' ? 2 : 1;
	}
	return *path == '\0';
}

const struct route *
route_find(const struct route *r, struct req *req, const char **allow)
{
	*allow = NULL;
	for (; r->pattern; r++) {
		if (!match(r->pattern, req->path, req))
			continue;
		*allow = r->method;
		if (strcmp(r->method, req->method) == 0)
			return r;
	}
	return NULL;
}
