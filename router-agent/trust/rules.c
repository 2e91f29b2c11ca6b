#include "router-agent/trust/rules.h"

#include <stdio.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/trust/brake.h"
#include "router-agent/trust/judge.h"

int
refuse(struct judge *j, const char *word, const char *fmt, ...)
{
	auto_buf struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	snprintf(j->word, RULES_WORD, "%s", word);
	return err_set(j->err, ERR_TRUST, "%s", text.data);
}

void
rules_word(const struct err *err, char word[RULES_WORD])
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz -";
	const char *open = strrchr(err->msg, '('), *p;
	size_t n;

	snprintf(word, RULES_WORD, "%s", err_cause(err));
	if (err->cls != ERR_TRUST || !open)
		return;
	/* tuf_check's sentences end in "(rollback)" and the like. */
	n = strspn(open + 1, allowed);
	if (n == 0 || n >= RULES_WORD || strcmp(open + 1 + n, ")") != 0)
		return;
	for (p = open + 1; n > 0; n--)
		*word++ = *p == ' ' ? '-' : *p, p++;
	*word = '\0';
}

int
refuse_below(struct judge *j)
{
	rules_word(j->err, j->word);
	return -1;
}

int
take_text(struct judge *j, const char *what, const json_t *custom,
    const char *key, char *out, size_t room)
{
	const char *text;

	if (js_str(what, custom, key, &text, j->err) == -1)
		return refuse(j, "metadata", "%s: no %s", what, key);
	if (snprintf(out, room, "%s", text) >= (int)room)
		return refuse(j, "metadata", "%s: %s is too long", what, key);
	return 0;
}
static int
take_memory(
    struct judge *j, const char *what, const json_t *custom, int64_t *out)
{
	if (js_int(what, custom, "memory", SET_MEMORY_MIN, SET_MEMORY_MAX, out,
		j->err) == -1)
		return refuse(j, "metadata", "%s: no sensible memory", what);
	return 0;
}

/* --- the set ------------------------------------------------------------- */

/* The agent's own program: the same rules as for any image. */
static int
take_agent(struct judge *j, const struct hash *digest)
{
	struct set *s = j->out;
	int64_t keys, serial;
	json_t *custom;

	if (take_file(j, SET_AGENT, digest, SET_AGENT_KIND, &s->agent, &custom,
		&keys, &serial) == -1 ||
	    TAKE_TEXT(j, SET_AGENT, custom, "version", s->agent_version) == -1)
		return -1;
	s->has_agent = true;
	return 0;
}

static int
take_service(struct judge *j, const json_t *entry)
{
	struct set_service *v = &j->out->services[j->out->nservices];
	const char *name, *kind, *handover;
	struct hash digest;
	json_t *custom;
	bool wanted = false;

	if (js_str("set", entry, "service", &name, j->err) == -1 ||
	    js_str("set", entry, "kind", &kind, j->err) == -1 ||
	    js_hash("set", entry, "image", &digest, j->err) == -1)
		return refuse(j, "metadata", "the set has a broken service");
	for (size_t i = 0; i < j->r->nservices; i++)
		wanted = wanted || strcmp(j->r->services[i], name) == 0;
	if (strcmp(kind, SET_AGENT_KIND) == 0 && strcmp(name, SET_AGENT) == 0)
		return take_agent(j, &digest);
	if (!wanted)
		return 0; /* this router does not run it */
	if (strcmp(kind, "vm") != 0 && strcmp(kind, SET_SOLO5_KIND) != 0)
		return refuse(j, "unsupported",
		    "%s is of kind %.20s, which this agent cannot run", name,
		    kind);
	if (j->out->nservices == SET_SERVICES)
		return refuse(j, "unsupported", "the set is too large");
	if (strlen(name) >= sizeof(v->name))
		return refuse(j, "metadata", "a service's name is too long");
	memset(v, 0, sizeof(*v));
	memcpy(v->name, name, strlen(name) + 1);
	if (take_file(j, name, &digest, kind, &v->image, &custom, &v->keys,
		&v->serial) == -1 ||
	    TAKE_TEXT(j, name, custom, "version", v->version) == -1 ||
	    take_memory(j, name, custom, &v->memory) == -1 ||
	    take_probes(j, custom, v) == -1)
		return -1;
	handover = json_string_value(json_object_get(custom, "handover"));
	if (!handover || set_handover_of(handover) == -1)
		return refuse(j, "metadata", "%s: no known hand-over", name);
	v->handover = (enum set_handover)set_handover_of(handover);
	if (take_serves(j, custom, v) == -1 ||
	    (strcmp(kind, SET_SOLO5_KIND) == 0 &&
		TAKE_TEXT(j, name, custom, "solo5", v->solo5) == -1))
		return -1;
	j->custom[j->out->nservices++] = custom;
	return 0;
}

static int
take_kernel(struct judge *j, const json_t *set)
{
	struct hash vmlinuz, initrd;
	json_t *kernel, *custom;
	int64_t keys, serial;
	struct set *s = j->out;

	if (js_object("set", set, "kernel", &kernel, j->err) == -1 ||
	    js_hash("set", kernel, "vmlinuz", &vmlinuz, j->err) == -1 ||
	    js_hash("set", kernel, "initrd", &initrd, j->err) == -1)
		return refuse(j, "metadata", "the set names no kernel");
	if (take_file(j, "kernel", &initrd, "kernel", &s->initrd, &custom,
		&keys, &serial) == -1 ||
	    take_file(j, "kernel", &vmlinuz, "kernel", &s->vmlinuz, &custom,
		&keys, &serial) == -1 ||
	    TAKE_TEXT(j, "kernel", custom, "machine", s->machine) == -1 ||
	    TAKE_TEXT(j, "kernel", custom, "cmdline", s->cmdline) == -1 ||
	    TAKE_TEXT(j, "kernel", custom, "version", s->kernel_version) == -1)
		return -1;
	return take_memory(j, "kernel", custom, &s->kernel_memory);
}

static int
take_counter(struct judge *j, const json_t *set)
{
	const struct rules *r = j->r;

	if (js_int("set", set, "counter", 1, JS_INT_MAX, &j->out->counter,
		j->err) == -1)
		return refuse(j, "metadata", "the set has no counter");
	if (j->out->counter < r->counter)
		return refuse(j, "rollback",
		    "set %lld is offered, but %lld was seen already",
		    (long long)j->out->counter, (long long)r->counter);
	if (j->out->counter == r->counter &&
	    !hash_equal(&j->out->sha256, &r->counter_set))
		return refuse(j, "counter-reused",
		    "set %lld is offered with other content than was seen "
		    "under that number",
		    (long long)r->counter);
	return 0;
}

static int
take_words(struct judge *j, const json_t *set)
{
	if (TAKE_TEXT(j, "set", set, "channel", j->out->channel) == -1 ||
	    TAKE_TEXT(j, "set", set, "arch", j->out->arch) == -1)
		return -1;
	if (strcmp(j->out->channel, j->r->channel) != 0)
		return refuse(j, "channel",
		    "the set is for channel %s, this router follows %s",
		    j->out->channel, j->r->channel);
	if (strcmp(j->out->arch, j->r->arch) != 0)
		return refuse(j, "arch", "the set is for %s, this router is %s",
		    j->out->arch, j->r->arch);
	return 0;
}

static json_t *
parse_set(struct judge *j, const struct buf *bytes)
{
	static const char *const keys[] = { "kind", "v", "channel", "arch",
		"counter", "kernel", "services", "waves", "window", "notes",
		NULL };
	json_t *set =
	    js_record("set", "kiln/set", 1, bytes->data, bytes->len, j->err);

	if (set && js_only("set", set, keys, j->err) == 0)
		return set;
	json_decref(set);
	snprintf(j->word, RULES_WORD, "metadata");
	return NULL;
}

/* Finds and reads a small target.  1: here; 0: nobody lists it. */
static int
small(struct judge *j, const char *kind, struct buf *bytes)
{
	auto_free char *path =
	    mem_printf("%s/%s/%s.json", kind, j->r->channel, j->r->arch);
	const struct tuf_target *t;
	const char *by;

	if (j->r->find(j->r->arg, path, &t, &by, j->err) == -1) {
		if (j->err->cls != ERR_MISSING)
			return refuse_below(j);
		err_clear(j->err);
		return 0;
	}
	if (t->length > RULES_SET_MAX)
		return refuse(j, "metadata", "%s is too long", path);
	if (j->r->bytes(j->r->arg, t, bytes, j->err) == -1)
		return refuse_below(j);
	return 1;
}

static int
not_braked(struct judge *j)
{
	auto_buf struct buf bytes = BUF_INIT;
	struct brake b;
	int got = small(j, "brake", &bytes);

	if (got <= 0)
		return got;
	if (brake_read(&b, &bytes, j->err) == -1)
		return refuse(j, "metadata", "the brake cannot be read");
	if ((j->r->has_current &&
		hash_equal(&j->r->current, &j->out->sha256)) ||
	    !brake_holds(
		&b, j->r->channel, j->out->counter, j->r->now, j->r->seen))
		return 0;
	return refuse(j, "braked", "set %lld is stopped until %s: %s",
	    (long long)b.counter, b.until_text, b.reason);
}

static int
not_demo(struct judge *j)
{
	const struct tuf_file *targets = tuf_role(j->r->trust, "targets");
	const json_t *demo = json_object_get(targets->signed_json, "demo");

	if (demo && !json_is_boolean(demo))
		return refuse(j, "metadata", "targets: demo is no boolean");
	if (json_is_true(demo) && !j->r->demo)
		return refuse(j, "demo",
		    "the repository is a demonstration, whose keys anybody may "
		    "have; \"demo: true\" in the configuration would take it");
	return 0;
}

static int
all_services(struct judge *j)
{
	for (size_t i = 0; i < j->r->nservices; i++)
		if (!set_service(j->out, j->r->services[i]))
			return refuse(j, "not-in-set",
			    "set %lld of channel %s does not have %s",
			    (long long)j->out->counter, j->r->channel,
			    j->r->services[i]);
	return 0;
}

/* Does the same set of keys vouch for it as before?  What runs already is not
 * refused for that, but the days begin to count. */
static int
same_keys(struct judge *j, const char *service)
{
	const struct tuf_file *targets = tuf_role(j->r->trust, "targets");
	const struct rules *r = j->r;
	char role[SET_NAME + 8], at[TIME_TEXT];
	struct hash keys;
	int64_t from;

	snprintf(role, sizeof(role), "svc-%s", service);
	if (!r->keysets || !keyset_of(targets, role, &keys))
		return 0;
	from = keyset_judge(r->keysets, role, &keys, r->now, r->hold_keys_s,
	    r->nrequire_keys > 0);
	if (from <= r->now ||
	    (r->has_current && hash_equal(&r->current, &j->out->sha256)))
		return 0;
	time_text(from, at);
	return refuse(j, "new-keys",
	    "the keys that vouch for %s have changed; they are taken from %s "
	    "on, or at once when a key of require_keys has signed, too",
	    service, at);
}

static int
judge(struct judge *j)
{
	auto_buf struct buf bytes = BUF_INIT;
	auto_json json_t *set = NULL;
	const struct tuf_trust *t = j->r->trust;
	json_t *services, *entry;
	size_t i;
	int got;

	if (not_demo(j) == -1)
		return -1;
	got = small(j, "sets", &bytes);
	if (got == 0)
		return refuse(j, "no-set",
		    "the repository has no set for channel %s on %s",
		    j->r->channel, j->r->arch);
	if (got == -1)
		return -1;
	set = parse_set(j, &bytes);
	if (!set)
		return -1;
	hash_bytes(&j->out->sha256, bytes.data, bytes.len);
	if (take_words(j, set) == -1 || take_counter(j, set) == -1 ||
	    not_braked(j) == -1 || take_kernel(j, set) == -1)
		return -1;
	if (js_array("set", set, "services", &services, j->err) == -1)
		return refuse(j, "metadata", "the set lists no services");
	json_array_foreach(
	    services, i, entry) if (take_service(j, entry) == -1) return -1;
	if (all_services(j) == -1 || take_order(j) == -1 ||
	    same_keys(j, "kernel") == -1)
		return -1;
	for (i = 0; i < j->out->nservices; i++)
		if (same_keys(j, j->out->services[i].name) == -1)
			return -1;
	if (j->out->has_agent && same_keys(j, SET_AGENT) == -1)
		return -1;
	j->out->metadata = (struct set_metadata){
		.root = tuf_root(t)->version,
		.timestamp = tuf_timestamp(t)->version,
		.snapshot = tuf_snapshot(t)->version,
		.targets = tuf_role(t, "targets")->version,
	};
	if (set_check(j->out, j->err) == -1 ||
	    (j->r->turn && turn_of(j->r->turn, set, j->out, &j->r->device,
			       j->r->now, j->r->seen, j->err) == -1)) {
		snprintf(j->word, RULES_WORD, "metadata");
		return -1;
	}
	return 0;
}

int
rules_judge(const struct rules *r, struct set *out, char word[RULES_WORD],
    struct err *err)
{
	auto_free struct set *got = mem_zero(1, sizeof(*got));
	struct judge j = { .r = r, .out = got, .word = word, .err = err };

	word[0] = '\0';
	if (judge(&j) == -1)
		return -1;
	*out = *got;
	return 0;
}
