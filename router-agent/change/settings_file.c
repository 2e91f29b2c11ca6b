#include "router-agent/change/settings_file.h"

#include <stdio.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/hash.h"
#include "lib/json.h"
#include "lib/own.h"
#include "router-agent/agent.h"

#define KIND "kiln/setting"
#define FILE_MAX (4 * SETTING_TEXT)

static int
folder(const struct agent *a, struct err *err)
{
	return dir_make_at(a->dir.fd, "settings", 0700, err);
}

int
setting_save(struct agent *a, size_t i, struct err *err)
{
	const struct agent_service *c = &a->conf.services[i];
	const struct setting *s = &a->settings[i];
	auto_json json_t *j = js_record_new(KIND, 1);
	auto_fd int dir = folder(a, err);
	auto_buf struct buf text = BUF_INIT;
	struct hash own;

	if (dir == -1)
		return -1;
	/* Then it is what agent.yaml says. */
	if (!s->before)
		return file_remove_at(dir, c->name, err) == -1
			   ? -1
			   : dir_sync(dir, err);
	if (canon_hash(s->mine, &own, err) == -1)
		return -1;
	js_set_str(j, "service", c->name);
	js_set_hash(j, "own", &own);
	js_set(j, "config", json_incref(c->config));
	js_set(j, "before", json_incref(s->before));
	js_set_bool(j, "trial", s->until != 0);
	if (canon_summed(j, &text, err) == -1 ||
	    file_write_at(dir, c->name, text.data, text.len, 0600, err) == -1)
		return err_prefix(err, "settings of %s", c->name);
	return 0;
}

static int
read_file(struct agent *a, const char *name, json_t **out, struct err *err)
{
	static const char *const keys[] = { "kind", "v", "service", "own",
		"config", "before", "trial", NULL };
	auto_fd int dir = folder(a, err);
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *j = NULL;

	if (dir == -1 || file_read_at(dir, name, FILE_MAX, &text, err) == -1)
		return -1;
	j = js_record("settings", KIND, 1, text.data, text.len, err);
	if (!j || canon_sum_holds("settings", j, err) == -1 ||
	    js_only("settings", j, keys, err) == -1)
		return -1;
	*out = take_ptr(&j);
	return 0;
}

static void
say(struct setting *s, const char *why)
{
	snprintf(s->why, sizeof(s->why), "%s", why);
}

int
setting_load(struct agent *a, size_t i, struct err *err)
{
	struct agent_service *c = &a->conf.services[i];
	struct setting *s = &a->settings[i];
	auto_json json_t *j = NULL;
	json_t *config, *before;
	struct hash own, now;
	bool trial;

	if (read_file(a, c->name, &j, err) == -1) {
		if (err->cls != ERR_MISSING)
			return err_prefix(err, "settings of %s", c->name);
		err_clear(err);
		return 0;
	}
	if (js_hash("settings", j, "own", &own, err) == -1 ||
	    js_object("settings", j, "config", &config, err) == -1 ||
	    js_object("settings", j, "before", &before, err) == -1 ||
	    canon_hash(s->mine, &now, err) == -1)
		return err_prefix(err, "settings of %s", c->name);
	if (!hash_equal(&own, &now)) {
		say(s, "agent.yaml has another config for it since");
		return 0;
	}
	trial = json_is_true(json_object_get(j, "trial"));
	json_decref(c->config);
	c->config = json_incref(trial ? before : config);
	/* What was before that is not known any more; the owner's is. */
	if (!trial)
		s->before = json_incref(before);
	else if (!json_equal(before, s->mine))
		s->before = json_incref(s->mine);
	if (!trial)
		return 0;
	say(s, "the agent was started again while it was tried out");
	return setting_save(a, i, err);
}
