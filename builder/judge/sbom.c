#include "builder/judge/sbom.h"

#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

/* SPDX wants one, and any true date would differ with each lock. */
#define CREATED "1970-01-01T00:00:00Z"
#define NAMESPACE "https://spdx.org/spdxdocs/kiln-"

/* The packages alone: the proof of another day changes nothing. */
static void
content_digest(const struct lock *l, struct hash *out)
{
	const struct lock_packages *parts[] = { &l->build, &l->image };
	struct hasher h;

	hasher_init(&h);
	hasher_field(&h, l->recipe, strlen(l->recipe));
	for (size_t p = 0; p < ARRAY_LEN(parts); p++) {
		for (size_t i = 0; i < parts[p]->n; i++)
			hasher_field(&h, parts[p]->v[i].sha256.b, 32);
		hasher_field(&h, "", 0);
	}
	for (size_t i = 0; i < l->sources.n; i++)
		hasher_field(&h, l->sources.v[i].sha256.b, 32);
	for (size_t i = 0; i < l->git.n; i++)
		hasher_field(&h, l->git.v[i].sha256.b, 32);
	for (size_t i = 0; i < l->files.n; i++)
		hasher_field(&h, l->files.v[i].sha256.b, 32);
	hasher_end(&h, out);
}

/* A purl's version: everything but unreserved characters escaped. */
static void
add_escaped(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
			   "yz0123456789.-_~",
			*s))
			buf_char(b, *s);
		else
			buf_printf(b, "%%%02X", (unsigned char)*s);
	}
}

void
sbom_purl(const struct lock_package *p, struct buf *out)
{
	buf_printf(out, "pkg:deb/debian/");
	add_escaped(out, p->name);
	buf_char(out, '@');
	add_escaped(out, p->version);
	buf_printf(out, "?arch=%s", p->arch);
}

static json_t *
checksum(const struct hash *sha256)
{
	json_t *c = json_object(), *list = json_array();

	js_set_str(c, "algorithm", "SHA256");
	js_set_hash(c, "checksumValue", sha256);
	json_array_append_new(list, c);
	return list;
}

static json_t *
package(const char *id, const char *name, const char *version)
{
	json_t *j = json_object();

	js_set_str(j, "SPDXID", id);
	js_set_str(j, "name", name);
	if (version)
		js_set_str(j, "versionInfo", version);
	js_set_str(j, "downloadLocation", "NOASSERTION");
	js_set_bool(j, "filesAnalyzed", false);
	return j;
}

static void
relate(json_t *list, const char *from, const char *type, const char *to)
{
	json_t *j = json_object();

	js_set_str(j, "spdxElementId", from);
	js_set_str(j, "relationshipType", type);
	js_set_str(j, "relatedSpdxElement", to);
	json_array_append_new(list, j);
}

static void
add_debs(json_t *packages, json_t *relations, const struct lock_packages *l,
    const char *part, const char *relation)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct lock_package *p = &l->v[i];
		auto_free char *id = mem_printf("SPDXRef-%s-%zu", part, i);
		auto_buf struct buf purl = BUF_INIT;
		json_t *j = package(id, p->name, p->version);
		json_t *ref = json_object(), *refs = json_array();

		sbom_purl(p, &purl);
		js_set_str(ref, "referenceCategory", "PACKAGE-MANAGER");
		js_set_str(ref, "referenceType", "purl");
		js_set_str(ref, "referenceLocator", purl.data);
		json_array_append_new(refs, ref);
		js_set(j, "checksums", checksum(&p->sha256));
		js_set(j, "externalRefs", refs);
		json_array_append_new(packages, j);
		relate(relations, id, relation, "SPDXRef-service");
	}
}

static void
add_sources(json_t *packages, json_t *relations, const struct lock_sources *l)
{
	for (size_t i = 0; i < l->n; i++) {
		auto_free char *id = mem_printf("SPDXRef-source-%zu", i);
		json_t *j = package(id, l->v[i].name, l->v[i].version);

		js_set_str(j, "packageFileName", l->v[i].file);
		js_set(j, "checksums", checksum(&l->v[i].sha256));
		json_array_append_new(packages, j);
		relate(relations, "SPDXRef-service", "GENERATED_FROM", id);
	}
}

static void
add_upstream(json_t *packages, json_t *relations, const struct lock *l)
{
	for (size_t i = 0; i < l->git.n; i++) {
		const struct lock_git *g = &l->git.v[i];
		auto_free char *id = mem_printf("SPDXRef-git-%zu", i);
		auto_free char *from =
		    mem_printf("git+%s@%s", g->url, g->commit);
		json_t *j = package(id, g->file, g->commit);

		js_set_str(j, "downloadLocation", from);
		js_set(j, "checksums", checksum(&g->sha256));
		json_array_append_new(packages, j);
		relate(relations, "SPDXRef-service", "GENERATED_FROM", id);
	}
	for (size_t i = 0; i < l->files.n; i++) {
		const struct lock_file *f = &l->files.v[i];
		auto_free char *id = mem_printf("SPDXRef-file-%zu", i);
		json_t *j = package(id, f->file, NULL);

		js_set_str(j, "downloadLocation", f->url);
		js_set(j, "checksums", checksum(&f->sha256));
		json_array_append_new(packages, j);
		relate(relations, "SPDXRef-service", "GENERATED_FROM", id);
	}
}

json_t *
sbom_make(const struct lock *l, const char *service, const char *version)
{
	json_t *j = json_object(), *packages = json_array(),
	       *relations = json_array(), *info = json_object(),
	       *creators = json_array();
	auto_free char *name = mem_printf("kiln-%s", service);
	auto_free char *space = NULL;
	struct hash digest;
	char hex[HASH_HEX];

	content_digest(l, &digest);
	hash_hex(&digest, hex);
	space = mem_printf(NAMESPACE "%s-%s", service, hex);
	json_array_append_new(creators, json_string("Tool: kiln"));
	js_set_str(info, "created", CREATED);
	js_set(info, "creators", creators);
	js_set_str(j, "spdxVersion", "SPDX-2.3");
	js_set_str(j, "dataLicense", "CC0-1.0");
	js_set_str(j, "SPDXID", "SPDXRef-DOCUMENT");
	js_set_str(j, "name", name);
	js_set_str(j, "documentNamespace", space);
	js_set(j, "creationInfo", info);
	json_array_append_new(
	    packages, package("SPDXRef-service", service, version));
	relate(relations, "SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-service");
	add_debs(
	    packages, relations, &l->build, "build", "BUILD_DEPENDENCY_OF");
	/* Tools of the image writer and packages that files come from: the
	 * lock does not say which is which. */
	add_debs(packages, relations, &l->image, "image", "DEPENDENCY_OF");
	add_sources(packages, relations, &l->sources);
	add_upstream(packages, relations, l);
	js_set(j, "packages", packages);
	js_set(j, "relationships", relations);
	return j;
}
