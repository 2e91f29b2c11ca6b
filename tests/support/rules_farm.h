/*
 * A repository with everything in order, in memory, as the router's own rules
 * see it; a test spoils one thing and names the word of the refusal.  For
 * cmocka tests that link the room router-agent/trust as test_agent_rules.c
 * does.
 */
#ifndef KILN_TEST_RULES_FARM_H
#define KILN_TEST_RULES_FARM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/attr.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "router-agent/trust/rules.h"
#include "tests/support/tuf/tufclient.h"

#define ROLES 8

static struct farm {
	struct repo *r;
	json_t *role[ROLES]; /* signed parts */
	const char *name[ROLES];
	size_t nkeys[ROLES]; /* that sign it, from KA on */
	/* Who signs it instead: makes the whole file. */
	void (*sign[ROLES])(const json_t *signed_part, struct buf *out);
	size_t n;
	json_t *set;
	struct buf set_bytes;
	char image[HASH_HEX], vmlinuz[HASH_HEX], initrd[HASH_HEX];
	struct rules rules;
	const char *services[2];
	struct set got;
	char word[RULES_WORD];
	struct err err;
} f;

static void
digest(const char *content, char out[HASH_HEX])
{
	struct hash h;

	hash_bytes(&h, content, strlen(content));
	hash_hex(&h, out);
}

static json_t *
target(json_t *role, const char *service, const char *content, const char *type)
{
	auto_free char *path = NULL;
	char hex[HASH_HEX];
	json_t *c = json_object();

	digest(content, hex);
	path = mem_printf("images/%s/amd64/%s", service, hex);
	tufmake_target(role, path, content);
	js_set_str(c, "type", type);
	js_set_str(c, "service", service);
	js_set_str(c, "version", "1");
	js_set_int(c, "serial", 4);
	js_set_int(c, "memory", 96 << 20);
	js_set(json_object_get(json_object_get(role, "targets"), path),
	    "custom", c);
	return c;
}

static json_t *
add_role(const char *name, size_t keys_n)
{
	size_t i = f.n++;

	f.name[i] = name;
	f.role[i] = tufmake_targets(1);
	f.nkeys[i] = keys_n;
	return f.role[i];
}

static json_t *
role_of(const char *name)
{
	for (size_t i = 0; i < f.n; i++)
		if (strcmp(f.name[i], name) == 0)
			return f.role[i];
	return NULL;
}

static KILN_UNUSED json_t *
custom_of(const char *service, const char *hex)
{
	auto_free char *role = mem_printf("svc-%s", service);
	auto_free char *path = mem_printf("images/%s/amd64/%s", service, hex);
	json_t *targets = json_object_get(role_of(role), "targets");

	return json_object_get(json_object_get(targets, path), "custom");
}

static json_t *
a_probe(void)
{
	json_t *list = json_array(), *p = js_record_new("kiln/probe", 1);

	js_set_str(p, "type", "dns");
	js_set_str(p, "name", "router.lan");
	js_set_str(p, "qtype", "A");
	js_set_str(p, "expect", "self");
	json_array_append_new(list, p);
	return list;
}

/* The set names what has that content as the service's image. */
static void
set_names(const char *service, const char *kind, const char *content)
{
	json_t *s = json_object();
	char hex[HASH_HEX];

	digest(content, hex);
	js_set_str(s, "service", service);
	js_set_str(s, "kind", kind);
	js_set_str(s, "image", hex);
	json_array_append_new(json_object_get(f.set, "services"), s);
}

static void
make_set(void)
{
	json_t *kernel = json_object();

	f.set = js_record_new("kiln/set", 1);
	js_set_str(f.set, "channel", "edge");
	js_set_str(f.set, "arch", "amd64");
	js_set_int(f.set, "counter", 3);
	js_set_str(kernel, "vmlinuz", f.vmlinuz);
	js_set_str(kernel, "initrd", f.initrd);
	js_set(f.set, "kernel", kernel);
	js_set(f.set, "services", json_array());
	set_names("dns-dhcp", "vm", "an image");
	js_set(f.set, "waves", json_array());
	js_set(f.set, "window", json_null());
	js_set_str(f.set, "notes", "");
}

static int
need(void *arg, const char *role, const char *parent, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	(void)arg;
	for (size_t i = 0; i < f.n; i++) {
		if (strcmp(f.name[i], role) != 0)
			continue;
		if (f.sign[i])
			f.sign[i](f.role[i], &b);
		else
			tufmake_sign(f.role[i], &keys[KA], f.nkeys[i], &b);
		return tuf_accept_targets(
		    f.r->t, role, parent, b.data, b.len, err);
	}
	return err_set(err, ERR_MISSING, "no role %s", role);
}

static int
find(void *arg, const char *path, const struct tuf_target **t,
    const char **role, struct err *err)
{
	*t = NULL;
	if (tuf_find(f.r->t, path, need, arg, t, role, err) == -1)
		return -1;
	return *t ? 0 : err_set(err, ERR_MISSING, "nobody lists %s", path);
}

static int
load(void *arg, const char *role, struct err *err)
{
	return need(arg, role, "targets", err);
}

static int
bytes(void *arg, const struct tuf_target *t, struct buf *out, struct err *err)
{
	struct hash h;

	(void)arg;
	buf_add(out, f.set_bytes.data, f.set_bytes.len);
	hash_bytes(&h, out->data, out->len);
	return tuf_target_check(t, (int64_t)out->len, &h, NULL, err);
}

/* Everything in order; a test changes what it likes before judge(). */
static int
setup(void **state)
{
	json_t *svc, *kernel, *c;

	memset(&f, 0, sizeof(f));
	buf_init(&f.set_bytes);
	if (tufclient_keys(state) == -1 || tufclient_setup(state) == -1)
		return -1;
	f.r = *state;
	digest("an image", f.image);
	digest("a kernel", f.vmlinuz);
	digest("an initrd", f.initrd);
	svc = add_role("svc-dns-dhcp", 2);
	c = target(svc, "dns-dhcp", "an image", "vm");
	js_set(c, "probes", a_probe());
	js_set_str(c, "handover", "handoff");
	js_set_int(svc, "min_serial", 4);
	kernel = add_role("svc-kernel", 2);
	c = target(kernel, "kernel", "a kernel", "kernel");
	js_set_str(c, "machine", "microvm,pit=on");
	js_set_str(c, "cmdline", "console=ttyS0");
	target(kernel, "kernel", "an initrd", "kernel");
	add_role("sets-edge", 1);
	make_set();
	tufmake_delegate(f.r->targets, "svc-dns-dhcp", &keys[KA], 3, 1, true,
	    "images/dns-dhcp/*/*");
	tufmake_delegate(f.r->targets, "svc-kernel", &keys[KA], 3, 1, true,
	    "images/kernel/*/*");
	tufmake_delegate(
	    f.r->targets, "sets-edge", &keys[KA], 1, 1, false, "sets/edge/*");
	f.services[0] = "dns-dhcp";
	f.rules = (struct rules){
		.channel = "edge",
		.arch = "amd64",
		.min_keys = 2,
		.services = f.services,
		.nservices = 1,
		.counter = -1,
		.now = NOW,
		.find = find,
		.role = load,
		.bytes = bytes,
	};
	return 0;
}

static int
teardown(void **state)
{
	for (size_t i = 0; i < f.n; i++)
		json_decref(f.role[i]);
	json_decref(f.set);
	buf_release(&f.set_bytes);
	return tufclient_teardown(state);
}

/* A second service, ntp, in the set and on the router; what its role says. */
static KILN_UNUSED json_t *
add_ntp(const char *kind)
{
	json_t *svc = add_role("svc-ntp", 2);
	json_t *c = target(svc, "ntp", "a clock", kind);

	js_set(c, "probes", json_array());
	js_set_str(c, "handover", "parallel");
	tufmake_delegate(
	    f.r->targets, "svc-ntp", &keys[KA], 3, 1, true, "images/ntp/*/*");
	set_names("ntp", kind, "a clock");
	f.services[1] = "ntp";
	f.rules.nservices = 2;
	return c;
}

static int
judge(void)
{
	assert_int_equal(canon_json(f.set, &f.set_bytes, &f.err), 0);
	tufmake_target(
	    role_of("sets-edge"), "sets/edge/amd64.json", f.set_bytes.data);
	for (size_t i = 0; i < f.n; i++)
		tufmake_snapshot_add(f.r->snapshot, f.name[i], 1, NULL);
	everything_stands(f.r);
	f.rules.trust = f.r->t;
	return rules_judge(&f.rules, &f.got, f.word, &f.err);
}

static void KILN_UNUSED
refuses(const char *word)
{
	assert_int_equal(judge(), -1);
	if (strcmp(f.word, word) != 0)
		print_error("%s: %s\n", f.word, f.err.msg);
	assert_string_equal(f.word, word);
	assert_true(f.err.msg[0] != '\0');
}

#endif
