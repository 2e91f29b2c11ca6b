#include "router-agent/machine/qmp.h"

#include <stdio.h>
#include <string.h>

#include "lib/json.h"

void
qmp_reader_release(struct qmp_reader *r)
{
	buf_release(&r->line);
}

static int
read_line(const struct buf *line, struct qmp_message *m, struct err *err)
{
	auto_json json_t *j =
	    js_parse("QEMU's monitor", line->data, line->len, err);
	const char *text = NULL;

	if (!j)
		return -1;
	memset(m, 0, sizeof(*m));
	if (json_object_get(j, "QMP")) {
		m->kind = QMP_GREETING;
	} else if (json_object_get(j, "return")) {
		m->kind = QMP_RETURN;
	} else if (json_object_get(j, "error")) {
		m->kind = QMP_ERROR;
		text = json_string_value(
		    json_object_get(json_object_get(j, "error"), "class"));
	} else if (json_object_get(j, "event")) {
		m->kind = QMP_EVENT;
		text = json_string_value(json_object_get(j, "event"));
	} else {
		return err_set(err, ERR_INPUT,
		    "QEMU's monitor: a message of no known kind");
	}
	if (text)
		snprintf(m->text, sizeof(m->text), "%s", text);
	return 0;
}

int
qmp_next(struct qmp_reader *r, struct span *data, struct qmp_message *m,
    struct err *err)
{
	while (data->n > 0) {
		const char *end = memchr(data->p, '\n', data->n);
		size_t n = end ? (size_t)(end - data->p) : data->n;
		int ret;

		if (n > QMP_LINE || r->line.len + n > QMP_LINE)
			return err_set(err, ERR_INPUT,
			    "QEMU's monitor: a line of over %d bytes",
			    QMP_LINE);
		buf_add(&r->line, data->p, n);
		data->p += n + (end != NULL);
		data->n -= n + (end != NULL);
		if (!end)
			return 0;
		if (r->line.len == 0 ||
		    (r->line.len == 1 && r->line.data[0] == '\r')) {
			buf_clear(&r->line);
			continue;
		}
		ret = read_line(&r->line, m, err);
		buf_clear(&r->line);
		return ret == -1 ? -1 : 1;
	}
	return 0;
}

void
qmp_command(struct buf *b, const char *name)
{
	buf_printf(b, "{\"execute\":\"%s\"}\r\n", name);
}
