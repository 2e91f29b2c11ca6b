#include "web/pages/image_solo5.h"

#include <fcntl.h>

#include "lib/fdio.h"
#include "lib/hash.h"
#include "lib/json.h"
#include "lib/own.h"
#include "lib/solo5.h"
#include "lib/store.h"
#include "web/model.h"
#include "web/view.h"

/* -1: it is no unikernel, or not here. */
static int
read_stored(struct web *w, const char *hex, struct solo5 *out, struct err *err)
{
	char path[STORE_PATH];
	auto_fd int fd = -1;
	struct hash h;

	if (!hash_parse(&h, hex))
		return err_set(err, ERR_MISSING, "no digest");
	store_path(&h, path);
	fd = file_open_at(w->store, path, O_RDONLY, 0, err);
	return fd == -1 ? -1 : solo5_read_fd(fd, out, err);
}

static json_t *
notes_json(const struct solo5 *s)
{
	json_t *j = json_object(), *manifest = json_object();
	json_t *abi = json_object(), *devices = json_array();

	js_set_int(manifest, "version", s->manifest);
	for (size_t i = 0; i < s->ndevices; i++) {
		json_t *d = json_object();

		js_set_str(d, "name", s->devices[i].name);
		js_set_str(d, "type", solo5_device_name(s->devices[i].type));
		json_array_append_new(devices, d);
	}
	js_set(manifest, "devices", devices);
	js_set(j, "manifest", manifest);
	js_set_str(abi, "target", solo5_target_name(s->target));
	js_set_int(abi, "version", s->abi);
	js_set(j, "abi", abi);
	return j;
}

void
image_solo5_add(json_t *m, struct web *w, const char *hex)
{
	struct err err = ERR_INIT;
	struct solo5 s;
	json_t *j;

	if (read_stored(w, hex, &s, &err) == 0) {
		js_set(m, "solo5", notes_json(&s));
		return;
	}
	if (err.cls != ERR_INPUT)
		return;
	js_set(m, "solo5", j = json_object());
	js_set_str(j, "error", err.msg);
}

void
image_solo5_view(struct html *h, const json_t *m)
{
	const json_t *j = json_object_get(m, "solo5"), *abi, *devices, *d;
	size_t i;

	if (!j)
		return;
	view_fact(h, "Solo5");
	if (json_object_get(j, "error")) {
		html_text(h, m_str(j, "error"));
		html_close(h, "dd");
		return;
	}
	abi = json_object_get(j, "abi");
	html_textf(h, "unikernel for solo5-%s, ABI %lld", m_str(abi, "target"),
	    (long long)m_int(abi, "version"));
	html_close(h, "dd");
	view_fact(h, "devices");
	devices = json_object_get(json_object_get(j, "manifest"), "devices");
	if (json_array_size(devices) == 0)
		html_text(h, "none");
	json_array_foreach(devices, i, d)
	{
		html_textf(h, "%s%s (%s)", i ? ", " : "", m_str(d, "name"),
		    m_str(d, "type"));
	}
	html_close(h, "dd");
}
