#include "web/pages/image_solo5.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/hash.h"
#include "lib/json.h"
#include "lib/own.h"
#include "lib/store.h"
#include "web/model.h"
#include "web/solo5.h"
#include "web/view.h"

#define UNIKERNEL_MAX (256 << 20)

/* -1: it is no unikernel, or not here. */
static int
read_stored(struct web *w, const char *hex, struct solo5 *out, struct err *err)
{
	char path[STORE_PATH], magic[4];
	auto_fd int fd = -1;
	struct stat st;
	struct hash h;
	void *p;
	int ret;

	if (!hash_parse(&h, hex))
		return err_set(err, ERR_MISSING, "no digest");
	store_path(&h, path);
	fd = file_open_at(w->store, path, O_RDONLY, 0, err);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 || st.st_size > UNIKERNEL_MAX ||
	    pread(fd, magic, sizeof(magic), 0) != sizeof(magic) ||
	    memcmp(magic, "\177ELF", sizeof(magic)) != 0)
		return err_set(err, ERR_MISSING, "no ELF file");
	/* What lies in the store is never written again. */
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(err, "map an artifact");
	ret = solo5_read(p, (size_t)st.st_size, out, err);
	munmap(p, (size_t)st.st_size);
	return ret;
}

void
image_solo5_add(json_t *m, struct web *w, const char *hex)
{
	json_t *manifest, *abi, *devices, *j;
	struct err err = ERR_INIT;
	struct solo5 s;

	if (read_stored(w, hex, &s, &err) == -1) {
		if (err.cls != ERR_INPUT)
			return;
		js_set(m, "solo5", j = json_object());
		js_set_str(j, "error", err.msg);
		return;
	}
	js_set(m, "solo5", j = json_object());
	js_set(j, "manifest", manifest = json_object());
	js_set_int(manifest, "version", s.manifest);
	js_set(manifest, "devices", devices = json_array());
	for (size_t i = 0; i < s.ndevices; i++) {
		json_t *d = json_object();

		js_set_str(d, "name", s.devices[i].name);
		js_set_str(d, "type", solo5_device_name(s.devices[i].type));
		json_array_append_new(devices, d);
	}
	js_set(j, "abi", abi = json_object());
	js_set_str(abi, "target", solo5_target_name(s.target));
	js_set_int(abi, "version", s.abi);
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
