#include "lib/tuf.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

static void
free_strings(char **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

static void
role_release(struct tuf_role *r)
{
	free(r->name);
	free_strings(r->keyids, r->nkeyids);
	free_strings(r->paths, r->npaths);
	free_strings(r->prefixes, r->nprefixes);
}

void
tuf_file_free(struct tuf_file *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->nsignatures; i++)
		free(f->signatures[i].keyid);
	for (size_t i = 0; i < f->nkeys; i++) {
		free(f->keys[i].keyid);
		free(f->keys[i].public);
	}
	for (size_t i = 0; i < f->nroles; i++)
		role_release(&f->roles[i]);
	for (size_t i = 0; i < f->nmeta; i++)
		free(f->meta[i].name);
	for (size_t i = 0; i < f->ntargets; i++)
		free(f->targets[i].path);
	free(f->signatures);
	free(f->keys);
	free(f->roles);
	free(f->meta);
	free(f->targets);
	json_decref(f->signed_json);
	free(f);
}

const char *
tuf_type_name(enum tuf_type type)
{
	static const char *const names[] = { "root", "timestamp", "snapshot",
		"targets" };

	return names[type];
}

const struct tuf_key *
tuf_key_find(const struct tuf_file *f, const char *keyid)
{
	for (size_t i = 0; i < f->nkeys; i++)
		if (strcmp(f->keys[i].keyid, keyid) == 0)
			return &f->keys[i];
	return NULL;
}

const struct tuf_role *
tuf_role_find(const struct tuf_file *f, const char *name)
{
	for (size_t i = 0; i < f->nroles; i++)
		if (strcmp(f->roles[i].name, name) == 0)
			return &f->roles[i];
	return NULL;
}

const struct tuf_meta *
tuf_meta_find(const struct tuf_file *f, const char *name)
{
	for (size_t i = 0; i < f->nmeta; i++)
		if (strcmp(f->meta[i].name, name) == 0)
			return &f->meta[i];
	return NULL;
}

const struct tuf_target *
tuf_target_find(const struct tuf_file *f, const char *path)
{
	for (size_t i = 0; i < f->ntargets; i++)
		if (strcmp(f->targets[i].path, path) == 0)
			return &f->targets[i];
	return NULL;
}

json_t *
tuf_key_json(const struct sig_public *pub)
{
	struct hash key;
	char hex[HASH_HEX];
	json_t *j = json_object(), *val = json_object();

	if (!j || !val)
		mem_none();
	_Static_assert(sizeof(key.b) == sizeof(pub->b), "both are 32 bytes");
	memcpy(key.b, pub->b, sizeof(key.b));
	hash_hex(&key, hex);
	js_set_str(val, "public", hex);
	js_set_str(j, "keytype", "ed25519");
	js_set_str(j, "scheme", "ed25519");
	js_set(j, "keyval", val);
	return j;
}

void
tuf_keyid(const struct sig_public *pub, char out[HASH_HEX])
{
	auto_json json_t *j = tuf_key_json(pub);
	struct err err = ERR_INIT;
	struct hash h;

	/* Made of hex digits above: nothing in it that canon refuses. */
	if (canon_hash(j, &h, &err) == -1)
		abort();
	hash_hex(&h, out);
}

/* TUF 4.5: `*` never crosses a slash, so both must have as many parts. */
bool
tuf_path_match(const char *pattern, const char *path)
{
	for (;;) {
		size_t n = strcspn(pattern, "/"), m = strcspn(path, "/");
		auto_free char *p = mem_strn(pattern, n);
		auto_free char *s = mem_strn(path, m);

		if (fnmatch(p, s, FNM_NOESCAPE) != 0)
			return false;
		if (pattern[n] != path[m])
			return false;
		if (pattern[n] == '\0')
			return true;
		pattern += n + 1;
		path += m + 1;
	}
}

/* A search may ask this of thousands of prefixes: most differ at once. */
static bool
starts_with(const char *hex, const char *prefix)
{
	while (*prefix && *hex == *prefix) {
		hex++;
		prefix++;
	}
	return !*prefix;
}

bool
tuf_role_covers_hash(
    const struct tuf_role *r, const char *path, const char hex[HASH_HEX])
{
	for (size_t i = 0; i < r->npaths; i++)
		if (tuf_path_match(r->paths[i], path))
			return true;
	for (size_t i = 0; i < r->nprefixes; i++)
		if (starts_with(hex, r->prefixes[i]))
			return true;
	return false;
}

bool
tuf_role_covers(const struct tuf_role *r, const char *path)
{
	char hex[HASH_HEX];
	struct hash h;

	hash_bytes(&h, path, strlen(path));
	hash_hex(&h, hex);
	return tuf_role_covers_hash(r, path, hex);
}

char *
tuf_role_filename(const char *role)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "abcdefghijklmnopqrstuvwxyz"
					 "0123456789-._~";
	struct buf b = BUF_INIT;

	for (; *role; role++) {
		if (strchr(unreserved, *role))
			buf_char(&b, *role);
		else
			buf_printf(&b, "%%%02X", (unsigned char)*role);
	}
	return buf_take(&b);
}
