/* SPDX 2.3 as JSON.  What is published DESCRIBES the document; every item is a
 * "package", since an SPDX "file" wants a SHA-1 that nobody recorded. */
#include "builder/judge/sbom.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

/* SPDX wants one, and any true date would differ with each lock. */
#define CREATED "1970-01-01T00:00:00Z"
#define NAMESPACE "https://spdx.org/spdxdocs/kiln-"

static json_t *
checksum(const struct hash *sha256)
{
	json_t *c = json_object(), *list = json_array();

	js_set_str(c, "algorithm", "SHA256");
	js_set_hash(c, "checksumValue", sha256);
	json_array_append_new(list, c);
	return list;
}

static void
add_purl(json_t *j, const struct sbom_item *i)
{
	json_t *ref = json_object(), *refs = json_array();
	auto_buf struct buf purl = BUF_INIT;

	sbom_purl(i->name, i->version, i->arch, &purl);
	js_set_str(ref, "referenceCategory", "PACKAGE-MANAGER");
	js_set_str(ref, "referenceType", "purl");
	js_set_str(ref, "referenceLocator", purl.data);
	json_array_append_new(refs, ref);
	js_set(j, "externalRefs", refs);
}

static json_t *
package(const struct sbom_item *i)
{
	static const char *const purpose[] = { "FIRMWARE", "FILE", "INSTALL",
		"SOURCE", "SOURCE", "SOURCE" };
	auto_free char *id = mem_printf("SPDXRef-%s", i->id);
	auto_free char *from = NULL;
	json_t *j = json_object();

	if (i->kind == SBOM_GIT)
		from = mem_printf("git+%s@%s", i->url, i->version);
	js_set_str(j, "SPDXID", id);
	js_set_str(j, "name", i->name);
	if (i->version)
		js_set_str(j, "versionInfo", i->version);
	if (i->file)
		js_set_str(j, "packageFileName", i->file);
	js_set_str(j, "downloadLocation",
	    from     ? from
	    : i->url ? i->url
		     : "NOASSERTION");
	js_set_str(j, "primaryPackagePurpose", purpose[i->kind]);
	js_set_bool(j, "filesAnalyzed", false);
	js_set(j, "checksums", checksum(&i->sha256));
	if (i->kind == SBOM_DEB)
		add_purl(j, i);
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
add_link(json_t *list, const struct sbom *s, const struct sbom_link *l)
{
	auto_free char *from = mem_printf("SPDXRef-%s", s->items[l->from].id);
	auto_free char *to = mem_printf("SPDXRef-%s", s->items[l->to].id);

	if (l->how == SBOM_HOLDS)
		relate(list, from, "CONTAINS", to);
	else if (l->how == SBOM_MADE_FROM)
		relate(list, from, "GENERATED_FROM", to);
	else
		relate(list, to, "BUILD_DEPENDENCY_OF", from);
}

/* Of all but itself, so that no two documents share one. */
static int
add_namespace(json_t *j, const char *service, struct err *err)
{
	auto_free char *space = NULL;
	struct hash digest;
	char hex[HASH_HEX];

	if (canon_hash(j, &digest, err) == -1)
		return -1;
	hash_hex(&digest, hex);
	space = mem_printf(NAMESPACE "%s-%s", service, hex);
	js_set_str(j, "documentNamespace", space);
	return 0;
}

json_t *
sbom_spdx(const struct sbom *s, struct err *err)
{
	auto_json json_t *j = json_object();
	json_t *packages = json_array(), *relations = json_array(),
	       *info = json_object(), *creators = json_array();
	auto_free char *name = mem_printf("kiln-%s", s->items[0].name);

	json_array_append_new(creators, json_string("Tool: kiln"));
	js_set_str(info, "created", CREATED);
	js_set(info, "creators", creators);
	js_set_str(j, "spdxVersion", "SPDX-2.3");
	js_set_str(j, "dataLicense", "CC0-1.0");
	js_set_str(j, "SPDXID", "SPDXRef-DOCUMENT");
	js_set_str(j, "name", name);
	js_set(j, "creationInfo", info);
	for (size_t i = 0; i < s->n; i++) {
		auto_free char *id = mem_printf("SPDXRef-%s", s->items[i].id);

		json_array_append_new(packages, package(&s->items[i]));
		if (s->items[i].kind == SBOM_IMAGE)
			relate(relations, "SPDXRef-DOCUMENT", "DESCRIBES", id);
	}
	for (size_t i = 0; i < s->nlinks; i++)
		add_link(relations, s, &s->links[i]);
	js_set(j, "packages", packages);
	js_set(j, "relationships", relations);
	if (add_namespace(j, s->items[0].name, err) == -1)
		return NULL;
	return json_incref(j);
}
