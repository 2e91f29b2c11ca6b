/*
 * GET /image/HEX/NAME: what is told of an artifact for other tools to read,
 * as farm.db's `document` lists it.
 */
#include <string.h>

#include "lib/hash.h"
#include "web/api/api.h"
#include "web/tree.h"

static const struct {
	const char *name, *format, *type;
} documents[] = {
	{ "sbom.spdx.json", "spdx", "application/spdx+json" },
	{ "sbom.cdx.json", "cyclonedx",
	    "application/vnd.cyclonedx+json; version=1.5" },
	{ "buildinfo", "buildinfo", "text/plain; charset=utf-8" },
};

/* 1: *digest is set; 0: there is none. */
static int
find(struct db *farm, const char *subject, const char *format,
    char digest[HASH_HEX], struct err *err)
{
	static const char sql[] =
	    "SELECT digest FROM document WHERE subject = ?1 AND format = ?2";
	auto_stmt struct stmt *q = db_stmt(farm, sql);
	struct hash h;
	int got;

	stmt_bind_str(q, 1, subject);
	stmt_bind_str(q, 2, format);
	got = stmt_step(q, err);
	if (got == 1 && stmt_hash(q, 0, &h))
		hash_hex(&h, digest);
	return got;
}

void
api_document(struct req *req, struct reply *re)
{
	const char *name = req->part[1];
	struct err err = ERR_INIT;
	char digest[HASH_HEX];
	size_t i = 0;
	int got = 0;

	while (i < ARRAY_LEN(documents) && strcmp(documents[i].name, name) != 0)
		i++;
	req_readers(req);
	if (i < ARRAY_LEN(documents) && req->web->farm)
		got = find(req->web->farm, req->part[0], documents[i].format,
		    digest, &err);
	if (got == -1) {
		reply_error(req, re, 500, "system", err.msg);
		return;
	}
	if (got == 0) {
		reply_error(req, re, 404, "missing",
		    "no such document is about this digest");
		return;
	}
	memcpy(req->part[0], digest, sizeof(digest));
	tree_blob(req, re);
	if (re->fd == -1)
		return;
	re->type = documents[i].type;
	/* Another name than the blob's: it may be told anew one day. */
	re->cache = "no-cache";
}
