#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "recipes/openpgp/pgp.h"

const char *const pgp_verbs[PGP_VERBS] = { "sign", "verify", "encrypt",
	"decrypt" };

#define BASE64_MAX 262144

enum pgp_verb
pgp_verb(const char *path)
{
	int v;

	for (v = 0; v < PGP_VERBS; v++) {
		if (*path == '/' && strcmp(path + 1, pgp_verbs[v]) == 0)
			break;
	}
	return (enum pgp_verb)v;
}

int
pgp_certificate(const struct pgp *p, const char *name, char *path, size_t room)
{
	size_t i;

	for (i = 0; i < p->ncorrespondents; i++) {
		if (strcmp(p->correspondent[i], name) == 0) {
			snprintf(path, room, PGP_DIR "/%s.certificate", name);
			return 0;
		}
	}
	return -1;
}

const struct pgp_client *
pgp_who(const struct pgp *p, const char *authorization)
{
	static const char bearer[] = "Bearer ";
	const struct pgp_client *who = NULL;
	unsigned char hash[32];
	size_t i;

	if (authorization == NULL ||
	    strncmp(authorization, bearer, sizeof bearer - 1) != 0)
		return NULL;
	authorization += sizeof bearer - 1;
	crypto_hash_sha256(
	    hash, (const unsigned char *)authorization, strlen(authorization));
	for (i = 0; i < p->nclients; i++) {
		if (sodium_memcmp(hash, p->client[i].token, sizeof hash) == 0)
			who = &p->client[i];
	}
	return who;
}

/* --- the configuration ----------------------------------------------------*/

/* OpenPGP's binary form begins with a packet's tag, whose first bit is set. */
static int
key_file(struct guest_files *files, const char *what, const json_t *j,
    const char *key, const char *path, struct fault *f)
{
	unsigned char *bytes;
	const char *text;
	size_t n;
	FILE *out;

	if (guest_str(what, j, key, BASE64_MAX, &text, f) == -1)
		return -1;
	bytes = malloc(strlen(text));
	if (bytes == NULL)
		return fault_sys(f, "read %s", key);
	if (sodium_base642bin(bytes, strlen(text), text, strlen(text), " ", &n,
		NULL, sodium_base64_VARIANT_ORIGINAL) == -1 ||
	    n == 0 || !(bytes[0] & 0x80)) {
		free(bytes);
		return fault_set(f,
		    "%s: \"%s\" is not base64 of a key's binary form", what,
		    key);
	}
	out = guest_file_open(files, f, "%s", path);
	if (out != NULL)
		fwrite(bytes, 1, n, out);
	sodium_memzero(bytes, n);
	free(bytes);
	return out == NULL ? -1 : guest_file_close(out, 0, f);
}

static int
correspondent(struct pgp *p, const json_t *j, struct fault *f)
{
	static const char *const keys[] = { "name", "certificate", NULL };
	char path[96];
	const char *name, *text;

	if (!json_is_object(j))
		return fault_set(
		    f, "correspondents: an entry is not an object");
	if (guest_only("correspondents", j, keys, f) == -1 ||
	    guest_str("correspondents", j, "name", 40, &name, f) == -1 ||
	    guest_str(
		"correspondents", j, "certificate", BASE64_MAX, &text, f) == -1)
		return -1;
	if (!guest_name_ok(name))
		return fault_set(f,
		    "correspondents: %s: a name is of a-z, 0-9, '-', '_' and "
		    "dots",
		    name);
	if (pgp_certificate(p, name, path, sizeof path) == 0)
		return fault_set(f, "correspondents: %s is named twice", name);
	p->correspondent[p->ncorrespondents++] = name;
	return 0;
}

static int
rights(struct pgp_client *c, const json_t *j, struct fault *f)
{
	json_t *may;
	size_t i;
	int v;

	if (guest_array("clients", j, "may", PGP_VERBS, &may, f) == -1)
		return -1;
	for (i = 0; i < json_array_size(may); i++) {
		const char *word = json_string_value(json_array_get(may, i));

		for (v = 0; v < PGP_VERBS; v++) {
			if (word != NULL && strcmp(word, pgp_verbs[v]) == 0)
				break;
		}
		if (v == PGP_VERBS)
			return fault_set(f,
			    "clients: %s: \"may\" is of sign, verify, encrypt "
			    "and decrypt",
			    c->name);
		c->may |= 1U << v;
	}
	return 0;
}

static int
client(struct pgp *p, const json_t *j, struct fault *f)
{
	static const char *const keys[] = { "name", "token", "may", NULL };
	struct pgp_client *c = &p->client[p->nclients];
	const char *token;
	size_t n, i;

	if (!json_is_object(j))
		return fault_set(f, "clients: an entry is not an object");
	if (guest_only("clients", j, keys, f) == -1 ||
	    guest_str("clients", j, "name", 64, &c->name, f) == -1 ||
	    guest_str("clients", j, "token", 64, &token, f) == -1)
		return -1;
	if (strlen(token) != 64 ||
	    sodium_hex2bin(
		c->token, sizeof c->token, token, 64, NULL, &n, NULL) == -1 ||
	    n != sizeof c->token)
		return fault_set(f,
		    "clients: %s: \"token\" is not a SHA-256 in hex", c->name);
	for (i = 0; i < p->nclients; i++) {
		if (memcmp(p->client[i].token, c->token, sizeof c->token) == 0)
			return fault_set(f, "clients: %s and %s have one token",
			    p->client[i].name, c->name);
	}
	p->nclients++;
	return rights(c, j, f);
}

int
pgp_read(const json_t *config, struct pgp *p, struct fault *f)
{
	static const char *const keys[] = { "key", "correspondents", "clients",
		NULL };
	json_t *list;
	size_t i;

	memset(p, 0, sizeof *p);
	if (guest_only("config", config, keys, f) == -1)
		return -1;
	if (json_object_get(config, "correspondents") != NULL) {
		if (guest_array("config", config, "correspondents", PGP_NAMES,
			&list, f) == -1)
			return -1;
		for (i = 0; i < json_array_size(list); i++) {
			if (correspondent(p, json_array_get(list, i), f) == -1)
				return -1;
		}
	}
	if (guest_array("config", config, "clients", PGP_NAMES, &list, f) == -1)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		if (client(p, json_array_get(list, i), f) == -1)
			return -1;
	}
	if (p->nclients == 0)
		return fault_set(f, "clients: there is none");
	return 0;
}

int
pgp_conf(const json_t *config, struct guest_files *files, struct fault *f)
{
	static struct pgp p;
	auto_json json_t *rest = NULL;
	const json_t *list = json_object_get(config, "correspondents");
	char path[96];
	FILE *out;
	size_t i;

	if (pgp_read(config, &p, f) == -1 ||
	    key_file(files, "config", config, "key", PGP_KEY, f) == -1)
		return -1;
	for (i = 0; i < p.ncorrespondents; i++) {
		pgp_certificate(&p, p.correspondent[i], path, sizeof path);
		if (key_file(files, "correspondents", json_array_get(list, i),
			"certificate", path, f) == -1)
			return -1;
	}
	rest = json_copy((json_t *)config); /* shallow; it only loses the key */
	json_object_del(rest, "key");
	out = guest_file_open(files, f, PGP_CONFIG);
	if (out == NULL)
		return -1;
	return guest_file_close(out,
	    json_dumpf(rest, out, JSON_COMPACT) == 0
		? 0
		: fault_set(f, "write " PGP_CONFIG),
	    f);
}
