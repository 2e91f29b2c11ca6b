#include "recipes/vpn-mesh/admit.h"

#include <stdlib.h>
#include <string.h>

#define ID 8
#define HEAD (ID + crypto_secretbox_NONCEBYTES)
#define SIGNED "kiln-mesh-roster\n" /* before what is signed */

/* --- bytes as text --------------------------------------------------------*/

static void
set_hex(json_t *j, const char *key, const unsigned char *bytes, size_t n)
{
	char hex[2 * crypto_sign_SECRETKEYBYTES + 1];

	sodium_bin2hex(hex, sizeof hex, bytes, n);
	json_object_set_new(j, key, json_string(hex));
	sodium_memzero(hex, sizeof hex);
}

static int
hex_of(const char *text, unsigned char *out, size_t n)
{
	size_t got;

	return text != NULL && strlen(text) == 2 * n &&
		       sodium_hex2bin(out, n, text, 2 * n, NULL, &got, NULL) ==
			   0 &&
		       got == n
		   ? 0
		   : -1;
}

static int
get_hex(const json_t *j, const char *key, unsigned char *out, size_t n,
    struct fault *f)
{
	return hex_of(json_string_value(json_object_get(j, key)), out, n) == 0
		   ? 0
		   : fault_set(f, "\"%s\" is not %zu bytes in hex", key, n);
}

/* --- what is kept ---------------------------------------------------------*/

void
admit_new(struct admit *a, bool founder)
{
	memset(a, 0, sizeof *a);
	randombytes_buf(a->key, sizeof a->key);
	crypto_scalarmult_base(a->public, a->key);
	a->founder = founder;
	a->used = json_object();
	if (founder)
		crypto_sign_keypair(a->mesh, a->sign);
}

json_t *
admit_json(const struct admit *a)
{
	json_t *j = json_object();

	set_hex(j, "key", a->key, sizeof a->key);
	if (a->founder) {
		set_hex(j, "sign", a->sign, sizeof a->sign);
		json_object_set(j, "used", a->used);
	}
	if (a->text != NULL) {
		set_hex(j, "mesh", a->mesh, sizeof a->mesh);
		json_object_set_new(j, "roster", json_string(a->text));
		set_hex(j, "sig", a->sig, sizeof a->sig);
	}
	return j;
}

static bool
sig_ok(const struct admit *a, const char *text, const unsigned char *sig)
{
	size_t n = strlen(text);
	char *all = malloc(sizeof SIGNED + n);
	bool ok;

	if (all == NULL)
		return false;
	memcpy(all, SIGNED, sizeof SIGNED - 1);
	memcpy(all + sizeof SIGNED - 1, text, n);
	ok = crypto_sign_verify_detached(sig, (unsigned char *)all,
		 sizeof SIGNED - 1 + n, a->mesh) == 0;
	free(all);
	return ok;
}

/* Text and signature of a roster, which is believed or not. */
static int
set_roster(struct admit *a, const char *text, const unsigned char *sig,
    struct fault *f)
{
	struct mesh_roster r;
	char *copy;

	if (text == NULL || strlen(text) > MESH_TEXT || !sig_ok(a, text, sig))
		return fault_set(f, "a roster is not signed by the founder");
	if (mesh_roster_read(text, strlen(text), &r, f) == -1)
		return -1;
	if (a->text != NULL && r.version <= a->roster.version)
		return 0;
	copy = strdup(text);
	if (copy == NULL)
		return fault_set(f, "no memory for a roster");
	free(a->text);
	a->text = copy;
	memmove(a->sig, sig, sizeof a->sig);
	a->roster = r;
	return 1;
}

int
admit_read(const json_t *j, struct admit *a, struct fault *f)
{
	static const char *const keys[] = { "key", "sign", "used", "mesh",
		"roster", "sig", NULL };
	unsigned char sig[crypto_sign_BYTES];

	memset(a, 0, sizeof *a);
	if (guest_only("state", j, keys, f) == -1 ||
	    get_hex(j, "key", a->key, sizeof a->key, f) == -1)
		return -1;
	crypto_scalarmult_base(a->public, a->key);
	a->founder = json_object_get(j, "sign") != NULL;
	if (a->founder && get_hex(j, "sign", a->sign, sizeof a->sign, f) == -1)
		return -1;
	if (a->founder)
		crypto_sign_ed25519_sk_to_pk(a->mesh, a->sign);
	a->used = json_is_object(json_object_get(j, "used"))
		      ? json_deep_copy(json_object_get(j, "used"))
		      : json_object();
	if (json_object_get(j, "roster") == NULL)
		return 0;
	if (get_hex(j, "mesh", a->mesh, sizeof a->mesh, f) == -1 ||
	    get_hex(j, "sig", sig, sizeof sig, f) == -1)
		return -1;
	return set_roster(a, json_string_value(json_object_get(j, "roster")),
		   sig, f) == 1
		   ? 0
		   : -1;
}

/* --- rosters --------------------------------------------------------------*/

int
admit_sign(struct admit *a, struct fault *f)
{
	char *text, *all;
	size_t n;

	a->roster.version++;
	text = mesh_roster_text(&a->roster);
	if (text == NULL)
		return fault_set(f, "no memory for a roster");
	n = strlen(text);
	all = malloc(sizeof SIGNED + n);
	if (all == NULL) {
		free(text);
		return fault_set(f, "no memory for a roster");
	}
	memcpy(all, SIGNED, sizeof SIGNED - 1);
	memcpy(all + sizeof SIGNED - 1, text, n);
	crypto_sign_detached(
	    a->sig, NULL, (unsigned char *)all, sizeof SIGNED - 1 + n, a->sign);
	free(all);
	free(a->text);
	a->text = text;
	return 0;
}

int
admit_take(
    struct admit *a, const char *text, const char *sig_hex, struct fault *f)
{
	unsigned char sig[crypto_sign_BYTES];

	if (hex_of(sig_hex, sig, sizeof sig) == -1)
		return fault_set(f, "a roster has no signature");
	return set_roster(a, text, sig, f);
}

static bool
same_founder(const struct mesh_member *m, const struct mesh_conf *c)
{
	return strcmp(m->name, c->name) == 0 && m->has_endpoint &&
	       mesh_end_same(&m->endpoint, &c->endpoint) &&
	       m->has_lan == c->has_lan &&
	       (!c->has_lan || memcmp(&m->lan, &c->lan, sizeof m->lan) == 0);
}

int
admit_settle(struct admit *a, const struct mesh_conf *c, struct fault *f)
{
	struct mesh_member *m = mesh_by_key(&a->roster, a->public), *gone;
	bool changed = a->text == NULL;
	size_t i;

	for (i = 0; i < c->nrevoked; i++) {
		gone = mesh_by_name(&a->roster, c->revoked[i]);
		if (gone == NULL || gone == m)
			continue;
		mesh_remove(&a->roster, gone);
		m = mesh_by_key(&a->roster, a->public);
		changed = true;
	}
	if (m == NULL) {
		m = &a->roster.member[a->roster.members++];
		memset(m, 0, sizeof *m);
		m->host = 1;
		memcpy(m->key, a->public, TUNNEL_KEY);
	}
	if (!same_founder(m, c)) {
		snprintf(m->name, sizeof m->name, "%s", c->name);
		m->has_endpoint = true;
		m->endpoint = c->endpoint;
		m->has_lan = c->has_lan;
		m->lan = c->lan;
		changed = true;
	}
	if (memcmp(a->roster.network, c->network, 4) != 0) {
		memcpy(a->roster.network, c->network, 4);
		changed = true;
	}
	return changed ? admit_sign(a, f) : 0;
}

/* --- sealed messages ------------------------------------------------------*/

static void
made_of(const char *secret, const char *what, unsigned char *out, size_t n)
{
	crypto_generichash_state s;

	crypto_generichash_init(&s, NULL, 0, n);
	crypto_generichash_update(
	    &s, (const unsigned char *)what, strlen(what) + 1);
	crypto_generichash_update(
	    &s, (const unsigned char *)secret, strlen(secret));
	crypto_generichash_final(&s, out, n);
}

/* The number of an invitation, by which it is found. */
static void
id_of(const char *secret, unsigned char id[ID])
{
	unsigned char sum[crypto_generichash_BYTES];

	made_of(secret, "kiln-mesh id", sum, sizeof sum);
	memcpy(id, sum, ID);
}

static unsigned char *
seal(const char *secret, const char *way, const json_t *j, size_t *n)
{
	unsigned char key[crypto_secretbox_KEYBYTES], *out;
	char *text = json_dumps(j, JSON_COMPACT);
	size_t size = text == NULL ? 0 : strlen(text);

	out = text == NULL ? NULL
			   : malloc(HEAD + crypto_secretbox_MACBYTES + size);
	if (out != NULL) {
		made_of(secret, way, key, sizeof key);
		id_of(secret, out);
		randombytes_buf(out + ID, crypto_secretbox_NONCEBYTES);
		crypto_secretbox_easy(
		    out + HEAD, (unsigned char *)text, size, out + ID, key);
		*n = HEAD + crypto_secretbox_MACBYTES + size;
		sodium_memzero(key, sizeof key);
	}
	free(text);
	return out;
}

static json_t *
unseal(const char *secret, const char *way, const unsigned char *in, size_t n,
    struct fault *f)
{
	unsigned char key[crypto_secretbox_KEYBYTES], *text;
	json_t *j = NULL;
	size_t size;

	if (n < HEAD + crypto_secretbox_MACBYTES || n > ADMIT_MAX) {
		fault_set(f, "a message has no such length");
		return NULL;
	}
	size = n - HEAD - crypto_secretbox_MACBYTES;
	text = malloc(size + 1);
	made_of(secret, way, key, sizeof key);
	if (text == NULL || crypto_secretbox_open_easy(
				text, in + HEAD, n - HEAD, in + ID, key) != 0)
		fault_set(f, "a message is not sealed by the invitation");
	else
		j = guest_json("message", (char *)text, size, f);
	sodium_memzero(key, sizeof key);
	free(text);
	return j;
}

unsigned char *
admit_ask(const struct admit *a, const struct mesh_conf *c, size_t *n)
{
	auto_json json_t *j = json_object();
	char text[64];

	set_hex(j, "key", a->public, sizeof a->public);
	if (c->has_endpoint) {
		mesh_end_text(&c->endpoint, text, sizeof text);
		json_object_set_new(j, "endpoint", json_string(text));
	}
	return seal(c->secret, "ask", j, n);
}

static const struct mesh_invitation *
invitation_of(const struct mesh_conf *c, const unsigned char *ask, size_t n)
{
	unsigned char id[ID];
	size_t i;

	for (i = 0; n >= HEAD && i < c->invitations; i++) {
		id_of(c->invitation[i].secret, id);
		if (memcmp(id, ask, ID) == 0)
			return &c->invitation[i];
	}
	return NULL;
}

static int
enter(struct admit *a, const struct mesh_invitation *v, const json_t *j,
    struct fault *f)
{
	struct mesh_member m = { .host = mesh_free_host(&a->roster) };
	const char *end = json_string_value(json_object_get(j, "endpoint"));

	if (m.host == 0)
		return fault_set(f, "the mesh is full");
	if (mesh_by_name(&a->roster, v->name) != NULL)
		return fault_set(f, "%s is a member already", v->name);
	if (get_hex(j, "key", m.key, sizeof m.key, f) == -1)
		return -1;
	snprintf(m.name, sizeof m.name, "%s", v->name);
	m.has_endpoint = end != NULL;
	if (end != NULL && mesh_end_read(end, &m.endpoint) == -1)
		return fault_set(f, "%s: its endpoint is none", v->name);
	m.has_lan = v->has_lan;
	m.lan = v->lan;
	a->roster.member[a->roster.members++] = m;
	return admit_sign(a, f);
}

static bool
is_revoked(const struct mesh_conf *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->nrevoked; i++) {
		if (strcmp(c->revoked[i], name) == 0)
			return true;
	}
	return false;
}

/* An invitation is of the first key that comes with it: whose answer was lost
 * may ask again, and nobody else. */
static int
admit(struct admit *a, const struct mesh_conf *c,
    const struct mesh_invitation *v, const unsigned char *ask, const json_t *j,
    bool *changed, struct fault *f)
{
	const char *key = json_string_value(json_object_get(j, "key")), *used;
	char id[2 * ID + 1];

	sodium_bin2hex(id, sizeof id, ask, ID);
	used = json_string_value(json_object_get(a->used, id));
	if (is_revoked(c, v->name))
		return fault_set(f, "%s is revoked", v->name);
	if (used != NULL && (key == NULL || strcmp(used, key) != 0))
		return fault_set(f, "the invitation of %s is used", v->name);
	if (used != NULL)
		return 0;
	if (enter(a, v, j, f) == -1)
		return -1;
	json_object_set_new(a->used, id, json_string(key));
	*changed = true;
	return 0;
}

unsigned char *
admit_answer(struct admit *a, const struct mesh_conf *c,
    const unsigned char *ask, size_t asked, size_t *n, bool *changed,
    struct fault *f)
{
	const struct mesh_invitation *v = invitation_of(c, ask, asked);
	auto_json json_t *j = NULL, *answer = json_object();

	*changed = false;
	if (v == NULL) {
		fault_set(f, "somebody came without an invitation");
		return NULL;
	}
	j = unseal(v->secret, "ask", ask, asked, f);
	if (j == NULL || admit(a, c, v, ask, j, changed, f) == -1)
		return NULL;
	set_hex(answer, "mesh", a->mesh, sizeof a->mesh);
	json_object_set_new(answer, "roster", json_string(a->text));
	set_hex(answer, "sig", a->sig, sizeof a->sig);
	return seal(v->secret, "answer", answer, n);
}

int
admit_done(struct admit *a, const struct mesh_conf *c,
    const unsigned char *answer, size_t n, struct fault *f)
{
	auto_json json_t *j = unseal(c->secret, "answer", answer, n, f);

	if (j == NULL || get_hex(j, "mesh", a->mesh, sizeof a->mesh, f) == -1 ||
	    admit_take(a, json_string_value(json_object_get(j, "roster")),
		json_string_value(json_object_get(j, "sig")), f) == -1)
		return -1;
	return mesh_by_key(&a->roster, a->public) != NULL
		   ? 0
		   : fault_set(f, "the founder's roster lacks this node");
}
