#include "router-agent/setting.h"

#include <sodium.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/conf.h"
#include "lib/conf_schema.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/own.h"

#define HEX "0123456789abcdef"

static const char *const verbs[] = { "settings", "change", "back" };

void
setting_word_release(struct setting_word *w)
{
	buf_release(&w->text);
}

/* --- lines --------------------------------------------------------------- */

bool
setting_is(const char *line)
{
	size_t n = strcspn(line, " ");

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (strlen(verbs[i]) == n && memcmp(line, verbs[i], n) == 0)
			return true;
	return n == 4 && memcmp(line, "part", 4) == 0;
}

static bool
token_ok(const char *s)
{
	return strlen(s) == SETTING_TOKEN - 1 &&
	       strspn(s, HEX) == SETTING_TOKEN - 1;
}

static bool
word_ok(const struct setting_word *w)
{
	if (!token_ok(w->token) || w->text.len > SETTING_TEXT)
		return false;
	if (w->verb == SETTING_ASKED)
		return w->service[0] == '\0' && w->text.len == 0;
	return name_ok(w->service) &&
	       (w->verb == SETTING_BACK) == (w->text.len == 0);
}

static int
add_part(struct setting_reader *r, const char *token, struct span rest,
    struct err *err)
{
	unsigned char bytes[1024];
	size_t n;

	if (strcmp(r->token, token) != 0)
		buf_clear(&r->text);
	memcpy(r->token, token, SETTING_TOKEN);
	if (sodium_base642bin(bytes, sizeof(bytes), rest.p, rest.n, NULL, &n,
		NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
		return err_set(err, ERR_INPUT, "no base64");
	if (r->text.len + n > SETTING_TEXT)
		return err_set(
		    err, ERR_INPUT, "more than %d bytes", SETTING_TEXT);
	buf_add(&r->text, (const char *)bytes, n);
	return 0;
}

static int
read_line(struct setting_reader *r, const char *line, struct setting_word *w,
    struct err *err)
{
	struct span rest = span_str(line), verb;
	size_t i = 0;

	span_next(&rest, ' ', &verb);
	while (i < ARRAY_LEN(verbs) && !span_is(verb, verbs[i]))
		i++;
	if (!span_word(&rest, w->token, sizeof(w->token)) ||
	    !token_ok(w->token))
		return err_set(err, ERR_INPUT, "no token");
	if (i == ARRAY_LEN(verbs))
		return add_part(r, w->token, rest, err);
	w->verb = (enum setting_verb)i;
	if (w->verb != SETTING_ASKED &&
	    !span_word(&rest, w->service, sizeof(w->service)))
		return err_set(
		    err, ERR_INPUT, "no service, or an overlong one");
	if (rest.n > 0)
		return err_set(err, ERR_INPUT, "a word too much");
	if (w->verb == SETTING_CHANGE && strcmp(r->token, w->token) == 0)
		buf_add(&w->text, r->text.data, r->text.len);
	if (!word_ok(w))
		return err_set(err, ERR_INPUT, "out of form");
	return 1;
}

int
setting_read(struct setting_reader *r, const char *line,
    struct setting_word *out, struct err *err)
{
	auto_setting struct setting_word w = SETTING_WORD_INIT;
	auto_json json_t *config = NULL;
	int got = read_line(r, line, &w, err);

	if (got == 1 && w.verb == SETTING_CHANGE) {
		config = setting_config(w.text.data, w.text.len, err);
		if (!config) {
			w.verb = SETTING_REFUSED;
			buf_clear(&w.text);
			buf_str(&w.text, err->msg);
			err_clear(err);
		}
	}
	if (got != 0) {
		buf_clear(&r->text);
		r->token[0] = '\0';
	}
	if (got == -1)
		return err_prefix(err, "state port: settings");
	if (got == 1) {
		*out = w;
		w.text = (struct buf)BUF_INIT;
	}
	return got;
}

/* --- the text ------------------------------------------------------------ */

/* JSON is YAML, of a kind that our parser reads; what it is given was written
 * by ours, whoever said it. */
static struct conf *
as_conf(const json_t *config, struct err *err)
{
	static const struct conf_key keys[] = {
		{ .name = "config", .type = CONF_FREE, .required = true },
		{ 0 },
	};
	auto_buf struct buf yaml = BUF_INIT;

	buf_str(&yaml, "config: ");
	js_text(config, false, &yaml);
	buf_str(&yaml, "\n");
	return conf_parse("settings", yaml.data, yaml.len, keys, err);
}

json_t *
setting_config(const void *text, size_t n, struct err *err)
{
	auto_json json_t *j = js_parse("config", text, n, err), *read = NULL;
	auto_buf struct buf canonical = BUF_INIT;
	auto_conf struct conf *conf = NULL;

	if (!j)
		return NULL;
	if (!json_is_object(j)) {
		(void)!err_set(err, ERR_INPUT, "config: expected a map");
		return NULL;
	}
	conf = as_conf(j, err);
	if (!conf || canon_json(j, &canonical, err) == -1)
		return NULL;
	read = conf_json(conf_root(conf), "config");
	if (!json_equal(j, read)) {
		(void)!err_set(err, ERR_INPUT,
		    "config: a value that agent.yaml cannot hold");
		return NULL;
	}
	return take_ptr(&j);
}

int
setting_fits(const json_t *config, const char *service, const char *schema,
    struct err *err)
{
	auto_conf struct conf *conf = as_conf(config, err);

	return conf ? conf_schema_fits(
			  conf_root(conf), "config", service, schema, err)
		    : -1;
}

/* --- messages ------------------------------------------------------------ */

void
setting_word_send(const struct setting_word *w, struct buf *b)
{
	ipc_add_u32(b, (uint32_t)w->verb);
	ipc_add_str(b, w->token);
	ipc_add_str(b, w->service);
	ipc_add_bytes(b, w->text.data, w->text.len);
}

int
setting_word_receive(
    struct ipc_msg *m, struct setting_word *out, struct err *err)
{
	auto_setting struct setting_word w = SETTING_WORD_INIT;
	struct span text;
	uint32_t verb;

	if (ipc_get_u32(m, &verb, err) == -1 ||
	    IPC_GET_TEXT(m, w.token, err) == -1 ||
	    IPC_GET_TEXT(m, w.service, err) == -1 ||
	    ipc_get_bytes(m, SETTING_TEXT, &text, err) == -1 ||
	    ipc_end(m, err) == -1)
		return -1;
	w.verb = (enum setting_verb)verb;
	if (text.n > 0)
		buf_add(&w.text, text.p, text.n);
	if (verb > SETTING_REFUSED || !word_ok(&w))
		return err_set(err, ERR_INPUT, "settings out of form");
	*out = w;
	w.text = (struct buf)BUF_INIT;
	return 0;
}
