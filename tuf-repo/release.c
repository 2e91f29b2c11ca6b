#include "tuf-repo/release.h"

#include <stdio.h>
#include <string.h>

#include "lib/conf_schema.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/own.h"
#include "lib/solo5.h"
#include "tuf-repo/roles.h"

#define MEMORY_MAX (INT64_C(1) << 40)
#define LIST_MAX 64
#define VERDICT_MAX (1024 * 1024)

static const char *const release_keys[] = { "kind", "v", "service", "recipe",
	"arch", "version", "plan", "verdict", "targets", NULL };
static const char *const target_keys[] = { "sha256", "size", "custom", NULL };
static const char *const vm_keys[] = { "type", "service", "version", "sbom",
	"memory", "handover", "needs", "provides", "ports", "volumes",
	"configure", "config", "probes", NULL };
static const char *const solo5_keys[] = { "type", "service", "version", "sbom",
	"memory", "handover", "needs", "provides", "ports", "volumes", "config",
	"probes", "solo5", NULL };
static const char *const kernel_keys[] = { "type", "part", "service", "version",
	"sbom", "memory", "machine", "cmdline", NULL };
static const char *const agent_keys[] = { "type", "service", "version", "sbom",
	"memory", NULL };
static const char *const dns_keys[] = { "kind", "v", "type", "name", "qtype",
	"expect", "transport", NULL };
static const char *const tcp_keys[] = { "kind", "v", "type", "port", NULL };
static const char *const http_keys[] = { "kind", "v", "type", "port", "path",
	"expect", NULL };
static const char *const mqtt_keys[] = { "kind", "v", "type", "port", "expect",
	NULL };
static const char *const dhcp_keys[] = { "kind", "v", "type", NULL };
static const char *const program_keys[] = { "kind", "v", "type", "name", NULL };

static bool
one_of(const char *s, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(s, *words) == 0)
			return true;
	return false;
}

static int
get_word(const char *what, const json_t *o, const char *key,
    const char *const *words, struct err *err)
{
	const char *s;

	if (js_str(what, o, key, &s, err) == -1)
		return -1;
	if (!one_of(s, words))
		return err_set(
		    err, ERR_INPUT, "%s: %s: unknown word", what, key);
	return 0;
}

/* Printable, so that it can be shown and signed as it is. */
static int
get_text(const char *what, const json_t *o, const char *key, size_t max,
    const char **out, struct err *err)
{
	if (js_str(what, o, key, out, err) == -1)
		return -1;
	if (strlen(*out) == 0 || strlen(*out) > max)
		return err_set(
		    err, ERR_INPUT, "%s: %s: 1 to %zu bytes", what, key, max);
	for (const char *c = *out; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return err_set(err, ERR_INPUT,
			    "%s: %s: control character", what, key);
	return 0;
}

static int
check_strings(
    const char *what, const json_t *o, const char *key, struct err *err)
{
	json_t *list;

	if (js_array(what, o, key, &list, err) == -1)
		return -1;
	if (json_array_size(list) > LIST_MAX)
		return err_set(err, ERR_INPUT, "%s: %s: too many", what, key);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));

		if (!s || !path_ok(s))
			return err_set(err, ERR_INPUT, "%s: %s: entry %zu",
			    what, key, i + 1);
	}
	return 0;
}

/* A probe of anything but DNS. */
static int
check_other(const json_t *p, const char *const *keys, struct err *err)
{
	const char *s;
	int64_t v;

	if (js_only("probe", p, keys, err) == -1 ||
	    (one_of("port", keys) &&
		js_int("probe", p, "port", 1, 65535, &v, err) == -1) ||
	    (one_of("name", keys) &&
		get_text("probe", p, "name", 32, &s, err) == -1) ||
	    (one_of("path", keys) &&
		get_text("probe", p, "path", 255, &s, err) == -1))
		return -1;
	return one_of("expect", keys)
		   ? get_text("probe", p, "expect", 255, &s, err)
		   : 0;
}

static int
check_probe(const json_t *p, struct err *err)
{
	static const char *const types[] = { "dns", "tcp", "http", "tls",
		"mqtt", "dhcp", "program", NULL };
	static const char *const *const others[] = { tcp_keys, http_keys,
		tcp_keys, mqtt_keys, dhcp_keys, program_keys };
	static const char *const qtypes[] = { "A", "AAAA", "TXT", NULL };
	static const char *const transports[] = { "udp", "tcp", NULL };
	const char *s;
	int64_t v;

	if (get_word("probe", p, "kind",
		(const char *const[]){ "kiln/probe", NULL }, err) == -1 ||
	    js_int("probe", p, "v", 1, 1, &v, err) == -1 ||
	    get_word("probe", p, "type", types, err) == -1)
		return -1;
	s = json_string_value(json_object_get(p, "type"));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (strcmp(s, types[i + 1]) == 0)
			return check_other(p, others[i], err);
	if (js_only("probe", p, dns_keys, err) == -1 ||
	    get_text("probe", p, "name", 255, &s, err) == -1 ||
	    get_word("probe", p, "qtype", qtypes, err) == -1 ||
	    get_text("probe", p, "expect", 255, &s, err) == -1)
		return -1;
	if (json_object_get(p, "transport"))
		return get_word("probe", p, "transport", transports, err);
	return 0;
}

static int
check_config(const json_t *c, struct err *err)
{
	const json_t *config = json_object_get(c, "config");
	auto_buf struct buf text = BUF_INIT;

	if (config && conf_schema_text(config, &text, err) == -1)
		return err_prefix(err, "custom: config");
	return 0;
}

/* Those of a unikernel, and no others. */
static int
check_notes(const json_t *c, struct err *err)
{
	const char *type = json_string_value(json_object_get(c, "type"));
	const char *text;
	struct solo5 s;

	if (strcmp(type, "solo5") != 0)
		return js_only("custom", c, vm_keys, err);
	if (js_only("custom", c, solo5_keys, err) == -1 ||
	    js_str("custom", c, "solo5", &text, err) == -1)
		return -1;
	return solo5_from_text(text, &s, err);
}

static int
check_vm(const json_t *c, struct err *err)
{
	static const char *const handovers[] = { "parallel", "handoff",
		"exclusive", NULL };
	json_t *list;
	const char *s;

	if (check_notes(c, err) == -1 ||
	    get_word("custom", c, "handover", handovers, err) == -1 ||
	    check_strings("custom", c, "needs", err) == -1 ||
	    check_strings("custom", c, "provides", err) == -1 ||
	    check_strings("custom", c, "ports", err) == -1 ||
	    js_array("custom", c, "volumes", &list, err) == -1 ||
	    js_array("custom", c, "probes", &list, err) == -1)
		return -1;
	if (json_object_get(c, "configure") &&
	    get_text("custom", c, "configure", 255, &s, err) == -1)
		return -1;
	if (check_config(c, err) == -1)
		return -1;
	if (json_array_size(list) > LIST_MAX)
		return err_set(err, ERR_INPUT, "custom: probes: too many");
	for (size_t i = 0; i < json_array_size(list); i++)
		if (check_probe(json_array_get(list, i), err) == -1)
			return -1;
	return 0;
}

static const char *
part_of(const struct release_target *t)
{
	const char *s = json_string_value(json_object_get(t->custom, "part"));

	return s ? s : "";
}

static int
check_kernel(const json_t *c, struct err *err)
{
	static const char *const parts[] = { "vmlinuz", "initrd", NULL };
	const char *s;

	if (js_only("custom", c, kernel_keys, err) == -1 ||
	    get_word("custom", c, "part", parts, err) == -1 ||
	    get_text("custom", c, "machine", 255, &s, err) == -1)
		return -1;
	return get_text("custom", c, "cmdline", 1024, &s, err);
}

static int
read_target(struct release *r, size_t n, const json_t *o, struct err *err)
{
	static const char *const types[] = { "vm", "kernel", "agent", "solo5",
		NULL };
	struct release_target *t = &r->targets[n];
	const char *service, *version, *type;
	struct hash sbom;
	int64_t memory;

	if (js_only("target", o, target_keys, err) == -1 ||
	    js_hash("target", o, "sha256", &t->sha256, err) == -1 ||
	    js_int("target", o, "size", 1, INT64_C(1) << 40, &t->size, err) ==
		-1 ||
	    js_object("target", o, "custom", &t->custom, err) == -1 ||
	    get_word("custom", t->custom, "type", types, err) == -1 ||
	    js_str("custom", t->custom, "service", &service, err) == -1 ||
	    js_str("custom", t->custom, "version", &version, err) == -1 ||
	    js_hash("custom", t->custom, "sbom", &sbom, err) == -1 ||
	    js_int("custom", t->custom, "memory", 1, MEMORY_MAX, &memory,
		err) == -1)
		return -1;
	if (strcmp(service, r->service) != 0 ||
	    strcmp(version, r->version) != 0)
		return err_set(err, ERR_INPUT,
		    "custom: service and version differ from the release's");
	type = json_string_value(json_object_get(t->custom, "type"));
	if (n == 0)
		r->type = type;
	else if (strcmp(type, r->type) != 0)
		return err_set(err, ERR_INPUT, "custom: type: two types");
	r->kernel = strcmp(type, "kernel") == 0;
	if (strcmp(type, "agent") == 0)
		return js_only("custom", t->custom, agent_keys, err);
	return r->kernel ? check_kernel(t->custom, err)
			 : check_vm(t->custom, err);
}

static int
read_fields(struct release *r, struct err *err)
{
	static const char what[] = "release";
	json_t *list;
	size_t n;

	if (js_only(what, r->record, release_keys, err) == -1 ||
	    js_str(what, r->record, "service", &r->service, err) == -1 ||
	    js_str(what, r->record, "recipe", &r->recipe, err) == -1 ||
	    js_str(what, r->record, "arch", &r->arch, err) == -1 ||
	    get_text(what, r->record, "version", 128, &r->version, err) == -1 ||
	    js_hash(what, r->record, "plan", &r->plan, err) == -1 ||
	    js_hash(what, r->record, "verdict", &r->verdict, err) == -1 ||
	    js_array(what, r->record, "targets", &list, err) == -1)
		return -1;
	if (!service_ok(r->service) || !name_ok(r->recipe))
		return err_set(err, ERR_INPUT,
		    "release: service or recipe is no name of kiln's");
	if (!name_ok(r->arch) || strlen(r->arch) > 32)
		return err_set(err, ERR_INPUT, "release: arch");
	n = json_array_size(list);
	if (n == 0 || n > RELEASE_TARGETS)
		return err_set(err, ERR_INPUT, "release: %zu targets", n);
	for (r->ntargets = 0; r->ntargets < n; r->ntargets++)
		if (read_target(r, r->ntargets,
			json_array_get(list, r->ntargets), err) == -1)
			return -1;
	if (n != (r->kernel ? 2 : 1))
		return err_set(err, ERR_INPUT,
		    "release: a kernel has two targets, a service one");
	if (r->kernel &&
	    strcmp(part_of(&r->targets[0]), part_of(&r->targets[1])) == 0)
		return err_set(err, ERR_INPUT,
		    "release: a kernel has one vmlinuz and one initrd");
	return 0;
}

int
release_parse(struct release *r, const void *p, size_t n, struct err *err)
{
	*r = (struct release)RELEASE_INIT;
	hash_bytes(&r->digest, p, n);
	r->record = js_record("release", "kiln/release", 1, p, n, err);
	if (!r->record)
		return -1;
	if (read_fields(r, err) == 0)
		return 0;
	release_clear(r);
	return -1;
}

void
release_clear(struct release *r)
{
	json_decref(r->record);
	*r = (struct release)RELEASE_INIT;
}

void
release_path(const struct release *r, size_t n, char out[TARGET_PATH_MAX])
{
	char hex[HASH_HEX];

	/* service and arch are bounded above: it always fits */
	hash_hex(&r->targets[n].sha256, hex);
	snprintf(
	    out, TARGET_PATH_MAX, "images/%s/%s/%s", r->service, r->arch, hex);
}

/* --- against the store ------------------------------------------------- */

static bool
is_output(const json_t *outputs, const struct release_target *t)
{
	char hex[HASH_HEX];

	hash_hex(&t->sha256, hex);
	for (size_t i = 0; i < json_array_size(outputs); i++) {
		const json_t *o = json_array_get(outputs, i);
		const char *s = json_string_value(json_object_get(o, "sha256"));

		if (s && strcmp(s, hex) == 0 &&
		    json_integer_value(json_object_get(o, "size")) == t->size)
			return true;
	}
	return false;
}

static int
verify_verdict(const struct release *r, struct store *store, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *v = NULL;
	json_t *outputs;
	struct hash plan;
	const char *word;

	if (store_read(store, &r->verdict, VERDICT_MAX, &text, err) == -1)
		return err_prefix(err, "verdict");
	v = js_record("verdict", "kiln/verdict", 1, text.data, text.len, err);
	if (!v || js_hash("verdict", v, "plan", &plan, err) == -1 ||
	    js_str("verdict", v, "verdict", &word, err) == -1 ||
	    js_array("verdict", v, "outputs", &outputs, err) == -1)
		return -1;
	if (strcmp(word, "reproduced") != 0 || !hash_equal(&plan, &r->plan))
		return err_set(err, ERR_TRUST,
		    "its verdict does not say that its plan was reproduced");
	for (size_t i = 0; i < r->ntargets; i++)
		if (!is_output(outputs, &r->targets[i]))
			return err_set(err, ERR_TRUST,
			    "target %zu is no reproduced output of its plan",
			    i + 1);
	return 0;
}

static int
verify_target(
    const struct release_target *t, struct store *store, struct err *err)
{
	auto_fd int fd = -1;
	struct hash sbom, found;
	int64_t size;

	if (js_hash("custom", t->custom, "sbom", &sbom, err) == -1)
		return -1;
	if (!store_has(store, &sbom))
		return err_set(
		    err, ERR_MISSING, "its SBOM is not in the store");
	if (store_get(store, &t->sha256, &fd, err) == -1 ||
	    hash_fd(fd, &found, &size, err) == -1)
		return -1;
	if (!hash_equal(&found, &t->sha256) || size != t->size)
		return err_set(err, ERR_TRUST,
		    "a target's bytes in the store have another hash or size");
	return 0;
}

int
release_verify(const struct release *r, struct store *store, struct err *err)
{
	if (verify_verdict(r, store, err) == -1)
		return -1;
	for (size_t i = 0; i < r->ntargets; i++)
		if (verify_target(&r->targets[i], store, err) == -1)
			return -1;
	return 0;
}
