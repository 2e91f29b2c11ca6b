#include "router-agent/trust/forms.h"

#include <stdio.h>
#include <string.h>

#include "lib/delta.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/own.h"
#include "lib/tuf.h"

#define ROLE "transport"

/* --- finding ------------------------------------------------------------- */

/* Or one of its hash bins. */
static bool
is_transport(const char *role)
{
	size_t n = strlen(ROLE);

	return strncmp(role, ROLE, n) == 0 &&
	       (role[n] == '\0' || role[n] == '-');
}

static bool
look(const struct form_source *s, const char *path, struct form *f)
{
	struct err why = ERR_INIT;
	const struct tuf_target *t;
	const char *role;
	int64_t head_size;

	/* What another role says is no form, and what custom leaves out
	 * cannot be checked. */
	if (s->find(s->arg, path, &t, &role, &why) == -1 ||
	    !is_transport(role) || !t->has_sha256 || !t->custom ||
	    js_hash(path, t->custom, "head", &f->head, &why) == -1 ||
	    js_int(path, t->custom, "head_size", 1, DELTA_HEAD_MAX, &head_size,
		&why) == -1)
		return false;
	f->file.hash = t->sha256;
	f->file.size = t->length;
	return snprintf(f->file.target, sizeof(f->file.target), "%s", path) <
		   (int)sizeof(f->file.target) &&
	       t->length > 0 && t->length < SET_IMAGE_MAX;
}

void
forms_find(
    struct forms *all, const struct form_source *s, const struct form_pair *p)
{
	char path[FORM_TARGET], new[HASH_HEX], old[HASH_HEX];
	struct form packed = { .image = p->new };
	struct form delta = { .image = p->new, .from = true, .old = p->old };
	bool has_packed, has_delta;

	hash_hex(&p->new, new);
	hash_hex(&p->old, old);
	snprintf(
	    path, sizeof(path), ROLE "/%s/%s/%s.zst", p->service, s->arch, new);
	has_packed = look(s, path, &packed) && packed.file.size < p->size;
	snprintf(path, sizeof(path), ROLE "/%s/%s/%s.from.%s", p->service,
	    s->arch, new, old);
	/* Not worth the work unless much smaller. */
	has_delta = p->has_old && look(s, path, &delta) &&
		    delta.file.size <
			(has_packed ? packed.file.size : p->size) / 10 * 6;
	if (has_delta && all->n < FORMS_MAX)
		all->at[all->n++] = delta;
	if (has_packed && all->n < FORMS_MAX)
		all->at[all->n++] = packed;
}

/* --- over ipc ------------------------------------------------------------ */

void
forms_send(const struct forms *f, struct buf *b)
{
	ipc_add_u32(b, (uint32_t)f->n);
	for (size_t i = 0; i < f->n; i++) {
		const struct form *o = &f->at[i];

		ipc_add_hash(b, &o->image);
		ipc_add_u32(b, o->from);
		ipc_add_hash(b, &o->old);
		ipc_add_str(b, o->file.target);
		ipc_add_hash(b, &o->file.hash);
		ipc_add_i64(b, o->file.size);
		ipc_add_hash(b, &o->head);
	}
}

static int
receive(struct ipc_msg *m, struct form *f, struct err *err)
{
	auto_free char *target = NULL;
	uint32_t from;

	if (ipc_get_hash(m, &f->image, err) == -1 ||
	    ipc_get_u32(m, &from, err) == -1 ||
	    ipc_get_hash(m, &f->old, err) == -1 ||
	    ipc_get_str(m, sizeof(f->file.target) - 1, &target, err) == -1 ||
	    ipc_get_hash(m, &f->file.hash, err) == -1 ||
	    ipc_get_i64(m, &f->file.size, err) == -1 ||
	    ipc_get_hash(m, &f->head, err) == -1)
		return -1;
	if (from > 1 || f->file.size < 1 || f->file.size > SET_IMAGE_MAX ||
	    !path_ok(target))
		return err_set(err, ERR_INPUT, "a form out of range");
	f->from = from == 1;
	memcpy(f->file.target, target, strlen(target) + 1);
	return 0;
}

int
forms_receive(struct ipc_msg *m, struct forms *f, struct err *err)
{
	uint32_t n;

	if (ipc_get_u32(m, &n, err) == -1)
		return -1;
	if (n > FORMS_MAX)
		return err_set(err, ERR_INPUT, "too many forms");
	for (f->n = 0; f->n < n; f->n++)
		if (receive(m, &f->at[f->n], err) == -1)
			return -1;
	return 0;
}
