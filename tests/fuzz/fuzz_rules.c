/* rooms: router-agent/trust/rules.c router-agent/trust/rules_order.c
 * router-agent/trust/keyset.c router-agent/trust/rules_image.c
 * router-agent/trust/rules_probe.c router-agent/trust/rules_serve.c
 * router-agent/trust/brake.c router-agent/trust/turn.c router-agent/boot.c
 * router-agent/clock.c router-agent/set.c router-agent/set_wire.c
 * router-agent/set_json.c router-agent/probe_spec.c tests/support/tuf */
/*
 * A set, a brake and what roles say of its images, judged by the router's own
 * rules: {"set": …, "brake": …, "custom": {"SERVICE": …}}.  The metadata they
 * hang on is good; every image that is asked for is listed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "router-agent/trust/rules.h"
#include "tests/support/tuf/tufmake.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define FUZZ_NOW 1900000000

struct world {
	const json_t *input;
	struct tuf_target target;
	char role[SET_NAME + 8];
	json_t *custom;
};

static void
must(int rc)
{
	if (rc == -1)
		abort();
}

/* Root to targets, and a role for each of two services. */
static struct tuf_trust *
trust_make(void)
{
	static const char *const services[] = { "svc-dns-dhcp", "svc-kernel" };
	struct tuf_trust *t = tuf_trust_new(FUZZ_NOW);
	auto_json json_t *root = tufmake_root(1), *sn = tufmake_snapshot(1);
	auto_json json_t *ts = tufmake_timestamp(1, 1, NULL);
	auto_json json_t *targets = tufmake_targets(1);
	auto_json json_t *svc = tufmake_targets(1);
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct tufmake_key key;
	bool flag;

	tufmake_key(&key, 0);
	for (int i = TUF_ROOT; i <= TUF_TARGETS; i++)
		tufmake_root_role(root, tuf_type_name(i), &key, 1, 1);
	tufmake_snapshot_add(sn, "targets", 1, NULL);
	for (size_t i = 0; i < 2; i++) {
		tufmake_snapshot_add(sn, services[i], 1, NULL);
		tufmake_delegate(
		    targets, services[i], &key, 1, 1, true, "images/*/*/*");
	}
	js_set_int(svc, "min_serial", 2);
	tufmake_sign(root, &key, 1, &b);
	must(tuf_trust_root(t, b.data, b.len, &err));
	must(tuf_root_done(t, &err));
	tufmake_sign(ts, &key, 1, &b);
	must(tuf_accept_timestamp(t, b.data, b.len, false, &flag, &err));
	tufmake_sign(sn, &key, 1, &b);
	must(tuf_accept_snapshot(t, b.data, b.len, false, &flag, &err));
	tufmake_sign(targets, &key, 1, &b);
	must(tuf_accept_targets(t, "targets", "root", b.data, b.len, &err));
	tufmake_sign(svc, &key, 1, &b);
	for (size_t i = 0; i < 2; i++)
		must(tuf_accept_targets(
		    t, services[i], "targets", b.data, b.len, &err));
	return t;
}

/* images/SERVICE/ARCH/HEX64 */
static int
find_image(struct world *w, const char *path, struct err *err)
{
	const char *name = path + strlen("images/");
	const char *hex = strrchr(path, '/');
	size_t n = strcspn(name, "/");
	auto_free char *service = mem_strn(name, n);

	w->custom =
	    json_object_get(json_object_get(w->input, "custom"), service);
	if (!json_is_object(w->custom) ||
	    !hash_parse(&w->target.sha256, hex + 1))
		return err_set(err, ERR_MISSING, "nobody lists it");
	w->target.has_sha256 = true;
	w->target.length = 1000;
	w->target.custom = w->custom;
	snprintf(w->role, sizeof(w->role), "svc-%s", service);
	return 0;
}

static int
find(void *arg, const char *path, const struct tuf_target **t,
    const char **role, struct err *err)
{
	struct world *w = arg;
	const char *kind = strncmp(path, "sets/", 5) == 0    ? "set"
			   : strncmp(path, "brake/", 6) == 0 ? "brake"
							     : NULL;

	w->target = (struct tuf_target){ .path = (char *)path, .length = 10 };
	if (!kind) {
		if (find_image(w, path, err) == -1)
			return -1;
	} else if (json_object_get(w->input, kind)) {
		snprintf(w->role, sizeof(w->role), "%s",
		    kind[0] == 's' ? "sets-edge" : "brake");
	} else {
		return err_set(err, ERR_MISSING, "nobody lists it");
	}
	*t = &w->target;
	*role = w->role;
	return 0;
}

static int
load_role(void *arg, const char *role, struct err *err)
{
	(void)arg;
	return err_set(err, ERR_MISSING, "%s: not here", role);
}

static int
bytes_of(
    void *arg, const struct tuf_target *t, struct buf *out, struct err *err)
{
	struct world *w = arg;

	(void)err;
	js_text(json_object_get(w->input,
		    strncmp(t->path, "sets/", 5) == 0 ? "set" : "brake"),
	    false, out);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const services[] = { "dns-dhcp" };
	static struct tuf_trust *trust;
	auto_free struct set *set = mem_zero(1, sizeof(*set));
	char word[RULES_WORD] = "";
	struct err err = ERR_INIT;
	auto_json json_t *j = js_parse("fuzz", data, n, &err);
	struct world w = { .input = j };
	struct rules r = { .channel = "edge",
		.arch = "amd64",
		.min_keys = 1,
		.services = services,
		.nservices = 1,
		.counter = -1,
		.now = FUZZ_NOW,
		.find = find,
		.role = load_role,
		.bytes = bytes_of,
		.arg = &w };

	if (!json_is_object(j))
		return 0;
	if (!trust)
		trust = trust_make();
	r.trust = trust;
	if (rules_judge(&r, set, word, &err) == -1) {
		/* every refusal has its word and its sentence */
		if (!word[0] || !err.msg[0])
			abort();
		return 0;
	}
	must(set_check(set, &err));
	if (set->nservices != 1 || set->counter < 1)
		abort();
	return 0;
}
