#include "router-agent/slots.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/own.h"

#define RECORD "record"
#define RECORD_KIND "kiln/agent-self"
#define RECORD_MAX 65536
#define MAGIC "kilnagt1"
#define HEAD 16
#define CHUNK 65536

/* --- the record ---------------------------------------------------------- */

static json_t *
slot_json(const struct slot *s)
{
	json_t *j;
	const char name[2] = { s->name, '\0' };

	if (!s->name)
		return json_null();
	j = json_object();
	js_set_str(j, "slot", name);
	js_set_hash(j, "image", &s->image);
	js_set_hash(j, "agent", &s->agent);
	js_set_hash(j, "fetch", &s->fetch);
	return j;
}

int
slots_save(int dirfd, const struct slots *s, struct err *err)
{
	auto_json json_t *j = js_record_new(RECORD_KIND, 1);
	auto_buf struct buf text = BUF_INIT;
	json_t *bad = json_array();
	char hex[HASH_HEX];

	js_set(j, "good", slot_json(&s->good));
	js_set(j, "trial", slot_json(&s->trial));
	js_set_int(j, "tries", s->tries);
	for (size_t i = 0; i < s->nbad; i++) {
		hash_hex(&s->bad[i], hex);
		json_array_append_new(bad, json_string(hex));
	}
	js_set(j, "bad", bad);
	if (canon_json(j, &text, err) == -1 ||
	    file_write_at(dirfd, RECORD, text.data, text.len, 0600, err) == -1)
		return err_prefix(err, "remember the agent's slots");
	return 0;
}

static int
read_slot(const json_t *j, const char *key, struct slot *s, struct err *err)
{
	json_t *o = json_object_get(j, key);
	const char *name;

	if (json_is_null(o))
		return 0;
	if (js_str(RECORD, o, "slot", &name, err) == -1 ||
	    js_hash(RECORD, o, "image", &s->image, err) == -1 ||
	    js_hash(RECORD, o, "agent", &s->agent, err) == -1 ||
	    js_hash(RECORD, o, "fetch", &s->fetch, err) == -1)
		return -1;
	if (strcmp(name, "a") != 0 && strcmp(name, "b") != 0)
		return err_set(err, ERR_INPUT, "no slot is called %.8s", name);
	s->name = name[0];
	return 0;
}

int
slots_load(int dirfd, struct slots *out, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *j = NULL;
	struct slots s = { 0 };
	json_t *bad;

	*out = s;
	if (file_read_at(dirfd, RECORD, RECORD_MAX, &text, err) == -1) {
		if (err->cls != ERR_MISSING)
			return -1;
		err_clear(err);
		return 0;
	}
	j = js_record(RECORD, RECORD_KIND, 1, text.data, text.len, err);
	if (!j || read_slot(j, "good", &s.good, err) == -1 ||
	    read_slot(j, "trial", &s.trial, err) == -1 ||
	    js_int(RECORD, j, "tries", 0, 1000, &s.tries, err) == -1 ||
	    js_array(RECORD, j, "bad", &bad, err) == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(bad) && i < SLOTS_BAD; i++) {
		const char *hex = json_string_value(json_array_get(bad, i));

		if (!hex || !hash_parse(&s.bad[s.nbad], hex))
			return err_set(err, ERR_INPUT, "a digest that is none");
		s.nbad++;
	}
	*out = s;
	return 0;
}

bool
slots_is_bad(const struct slots *s, const struct hash *image)
{
	for (size_t i = 0; i < s->nbad; i++)
		if (hash_equal(&s->bad[i], image))
			return true;
	return false;
}

void
slots_settle(struct slots *s, bool good)
{
	if (good) {
		s->good = s->trial;
	} else {
		if (s->nbad == SLOTS_BAD)
			memmove(
			    s->bad, s->bad + 1, --s->nbad * sizeof(s->bad[0]));
		s->bad[s->nbad++] = s->trial.image;
	}
	s->trial = (struct slot){ 0 };
	s->tries = 0;
}

/* --- the programs -------------------------------------------------------- */

static int
copy_part(int from, int64_t n, int to, struct err *err)
{
	static char bytes[CHUNK];

	while (n > 0) {
		ssize_t got =
		    read(from, bytes, n < CHUNK ? (size_t)n : (size_t)CHUNK);

		if (got == -1)
			return err_sys(err, "read the agent's image");
		if (got == 0)
			return err_set(
			    err, ERR_INPUT, "the agent's image is cut off");
		if (fd_write_all(to, bytes, (size_t)got, err) == -1)
			return -1;
		n -= got;
	}
	return 0;
}

static int
put_program(int slot, const char *name, int image, int64_t n,
    struct hash *digest, struct err *err)
{
	auto_tmp struct tmp t = TMP_INIT;
	int64_t size;

	if (tmp_open(&t, slot, 0755, err) == -1 ||
	    copy_part(image, n, t.fd, err) == -1)
		return -1;
	if (lseek(t.fd, 0, SEEK_SET) == -1)
		return err_sys(err, "read %s again", name);
	if (hash_fd(t.fd, digest, &size, err) == -1)
		return -1;
	return tmp_replace(&t, name, err);
}

static int
read_head(int image, int64_t size, int64_t *n, struct err *err)
{
	unsigned char head[HEAD];

	if (lseek(image, 0, SEEK_SET) == -1 ||
	    read(image, head, HEAD) != HEAD || memcmp(head, MAGIC, 8) != 0)
		return err_set(
		    err, ERR_INPUT, "the agent's image does not begin as one");
	*n = 0;
	for (int i = 8; i < HEAD; i++) {
		if (*n > SLOTS_IMAGE_MAX)
			break;
		*n = *n << 8 | head[i];
	}
	if (size > SLOTS_IMAGE_MAX || *n < 1 || *n >= size - HEAD)
		return err_set(err, ERR_INPUT,
		    "the agent's image does not hold two programs");
	return 0;
}

int
slots_install(int dirfd, int image, const struct hash *digest,
    struct slots *slots, struct err *err)
{
	struct slot s = { .name = slots->good.name == 'a' ? 'b' : 'a',
		.image = *digest };
	const char folder[2] = { s.name, '\0' };
	auto_fd int slot = -1;
	int64_t size, n = 0;

	if (fd_size(image, &size, err) == -1 ||
	    read_head(image, size, &n, err) == -1)
		return -1;
	slot = dir_make_at(dirfd, folder, 0755, err);
	if (slot == -1 ||
	    put_program(slot, SLOTS_PROGRAM, image, n, &s.agent, err) == -1 ||
	    put_program(
		slot, SLOTS_FETCH, image, size - HEAD - n, &s.fetch, err) == -1)
		return err_prefix(err, "write slot %s", folder);
	slots->trial = s;
	slots->tries = 0;
	return slots_save(dirfd, slots, err);
}

static int
check(int slot, const char *name, const struct hash *want, struct err *err)
{
	auto_fd int fd = file_open_at(slot, name, O_RDONLY, 0, err);
	struct hash h;
	int64_t size;

	if (fd == -1 || hash_fd(fd, &h, &size, err) == -1)
		return -1;
	if (!hash_equal(&h, want))
		return err_set(
		    err, ERR_TRUST, "%s is not what was installed", name);
	return 0;
}

int
slots_check(int dirfd, const struct slot *s, struct err *err)
{
	const char folder[2] = { s->name, '\0' };
	auto_fd int slot = dir_open_at(dirfd, folder, err);

	if (slot == -1 || check(slot, SLOTS_PROGRAM, &s->agent, err) == -1 ||
	    check(slot, SLOTS_FETCH, &s->fetch, err) == -1)
		return err_prefix(err, "slot %s", folder);
	return 0;
}
