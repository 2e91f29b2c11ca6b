/* CycloneDX 1.5 as JSON.  What is in the image by its own bytes is "required";
 * what it was only made with or from is "excluded" from the product. */
#include <stdio.h>

#include "builder/judge/sbom.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

static json_t *
hashes(const struct hash *sha256)
{
	json_t *h = json_object(), *list = json_array();

	js_set_str(h, "alg", "SHA-256");
	js_set_hash(h, "content", sha256);
	json_array_append_new(list, h);
	return list;
}

static json_t *
reference(const char *type, const char *url)
{
	json_t *r = json_object(), *list = json_array();

	js_set_str(r, "type", type);
	js_set_str(r, "url", url);
	json_array_append_new(list, r);
	return list;
}

static json_t *
component(const struct sbom_item *i, bool held)
{
	static const char *const types[] = { "firmware", "application",
		"library", "file", "file", "file" };
	auto_free char *image = NULL;
	json_t *j = json_object();

	/* A kernel is published as two files of one name. */
	if (i->kind == SBOM_IMAGE)
		image = mem_printf("%s/%s", i->name, i->file);
	js_set_str(j, "type", types[i->kind]);
	js_set_str(j, "bom-ref", i->id);
	js_set_str(j, "name", image ? image : i->name);
	if (i->version)
		js_set_str(j, "version", i->version);
	if (i->kind != SBOM_IMAGE)
		js_set_str(j, "scope", held ? "required" : "excluded");
	js_set(j, "hashes", hashes(&i->sha256));
	if (i->kind == SBOM_DEB) {
		auto_buf struct buf purl = BUF_INIT;

		sbom_purl(i->name, i->version, i->arch, &purl);
		js_set_str(j, "purl", purl.data);
	}
	if (i->url)
		js_set(j, "externalReferences",
		    reference(
			i->kind == SBOM_GIT ? "vcs" : "distribution", i->url));
	return j;
}

static bool
is_held(const struct sbom *s, size_t item)
{
	for (size_t i = 0; i < s->nlinks; i++)
		if (s->links[i].to == item && s->links[i].how == SBOM_HOLDS)
			return true;
	return false;
}

/* [{ref, dependsOn}]: one for each item that needed others. */
static json_t *
dependencies(const struct sbom *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->n; i++) {
		json_t *on = json_array(), *j;

		for (size_t k = 0; k < s->nlinks; k++)
			if (s->links[k].from == i)
				json_array_append_new(on,
				    json_string(s->items[s->links[k].to].id));
		if (json_array_size(on) == 0) {
			json_decref(on);
			continue;
		}
		j = json_object();
		js_set_str(j, "ref", s->items[i].id);
		js_set(j, "dependsOn", on);
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *
metadata(const struct sbom *s)
{
	json_t *j = json_object(), *tools = json_object(), *list = json_array(),
	       *tool = json_object(), *cycles = json_array(),
	       *cycle = json_object(), *product;

	js_set_str(tool, "type", "application");
	js_set_str(tool, "name", "kiln");
	json_array_append_new(list, tool);
	js_set(tools, "components", list);
	js_set(j, "tools", tools);
	js_set_str(cycle, "phase", "build");
	json_array_append_new(cycles, cycle);
	js_set(j, "lifecycles", cycles);
	product = json_object();
	js_set_str(product, "type", "firmware");
	js_set_str(product, "bom-ref", "service");
	js_set_str(product, "name", s->items[0].name);
	js_set_str(product, "version", s->items[0].version);
	js_set(j, "component", product);
	return j;
}

/* A UUID of its content: RFC 9562's version 8. */
static int
add_serial(json_t *j, struct err *err)
{
	char text[64];
	struct hash h;

	if (canon_hash(j, &h, err) == -1)
		return -1;
	h.b[6] = (uint8_t)(0x80 | (h.b[6] & 0x0f));
	h.b[8] = (uint8_t)(0x80 | (h.b[8] & 0x3f));
	snprintf(text, sizeof(text),
	    "urn:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x"
	    "-%02x%02x%02x%02x%02x%02x",
	    h.b[0], h.b[1], h.b[2], h.b[3], h.b[4], h.b[5], h.b[6], h.b[7],
	    h.b[8], h.b[9], h.b[10], h.b[11], h.b[12], h.b[13], h.b[14],
	    h.b[15]);
	js_set_str(j, "serialNumber", text);
	return 0;
}

json_t *
sbom_cyclonedx(const struct sbom *s, struct err *err)
{
	auto_json json_t *j = json_object();
	json_t *components = json_array();

	js_set_str(j, "bomFormat", "CycloneDX");
	js_set_str(j, "specVersion", "1.5");
	js_set_int(j, "version", 1);
	js_set(j, "metadata", metadata(s));
	for (size_t i = 0; i < s->n; i++)
		json_array_append_new(
		    components, component(&s->items[i], is_held(s, i)));
	js_set(j, "components", components);
	js_set(j, "dependencies", dependencies(s));
	if (add_serial(j, err) == -1)
		return NULL;
	return json_incref(j);
}
