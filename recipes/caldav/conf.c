#include <string.h>

#include "recipes/caldav/conf.h"

/* What crypt(3) takes: $6$SALT$HASH or $y$WORDS$SALT$HASH. */
static bool
password_ok(const char *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789./$=";

	return (strncmp(text, "$6$", 3) == 0 || strncmp(text, "$y$", 3) == 0) &&
	       strlen(text) >= 40 && text[strspn(text, letters)] == '\0';
}

static int
user(struct cal_conf *c, const json_t *j, struct fault *f)
{
	static const char *const keys[] = { "name", "password", NULL };
	struct cal_user *u = &c->user[c->users];
	size_t i;

	if (!json_is_object(j))
		return fault_set(f, "users: an entry is not an object");
	if (guest_only("users", j, keys, f) == -1 ||
	    guest_str("users", j, "name", 63, &u->name, f) == -1 ||
	    guest_str("users", j, "password", 200, &u->password, f) == -1)
		return -1;
	if (!guest_label_ok(u->name))
		return fault_set(f, "users: a name is not one label of a-z, "
				    "0-9, - and _");
	if (!password_ok(u->password))
		return fault_set(f,
		    "users: %s: \"password\" is no hash as `openssl passwd "
		    "-6` or `mkpasswd` writes it",
		    u->name);
	for (i = 0; i < c->users; i++) {
		if (strcmp(c->user[i].name, u->name) == 0)
			return fault_set(
			    f, "users: %s is named twice", u->name);
	}
	c->users++;
	return 0;
}

static int
names(const struct cal_conf *c, const json_t *j, const char *key, uint32_t *out,
    struct fault *f)
{
	const char *name;
	json_t *list;
	size_t i, k;

	*out = 0;
	if (json_object_get(j, key) == NULL)
		return 0;
	if (guest_array("calendars", j, key, CAL_USERS, &list, f) == -1)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		name = json_string_value(json_array_get(list, i));
		for (k = 0; name != NULL && k < c->users; k++) {
			if (strcmp(c->user[k].name, name) == 0)
				break;
		}
		if (name == NULL || k == c->users)
			return fault_set(
			    f, "calendars: \"%s\" names who is no user", key);
		*out |= UINT32_C(1) << k;
	}
	return 0;
}

static int
calendar(struct cal_conf *c, const json_t *j, struct fault *f)
{
	static const char *const keys[] = { "name", "title", "write", "read",
		NULL };
	struct cal_rights *r = &c->calendar[c->calendars];
	size_t i;

	if (!json_is_object(j))
		return fault_set(f, "calendars: an entry is not an object");
	if (guest_only("calendars", j, keys, f) == -1 ||
	    guest_str("calendars", j, "name", 63, &r->name, f) == -1 ||
	    names(c, j, "write", &r->write, f) == -1 ||
	    names(c, j, "read", &r->read, f) == -1)
		return -1;
	if (!guest_label_ok(r->name))
		return fault_set(f, "calendars: a name is not one label of "
				    "a-z, 0-9, - and _");
	r->title = r->name;
	if (json_object_get(j, "title") != NULL &&
	    guest_str("calendars", j, "title", 100, &r->title, f) == -1)
		return -1;
	r->read |= r->write;
	if (r->read == 0)
		return fault_set(f,
		    "calendars: %s: nobody may see it: neither \"write\" nor "
		    "\"read\" names anybody",
		    r->name);
	for (i = 0; i < c->calendars; i++) {
		if (strcmp(c->calendar[i].name, r->name) == 0)
			return fault_set(
			    f, "calendars: %s is named twice", r->name);
	}
	c->calendars++;
	return 0;
}

int
cal_conf_read(const json_t *config, struct cal_conf *c, struct fault *f)
{
	static const char *const keys[] = { "users", "calendars", NULL };
	json_t *list;
	size_t i;

	memset(c, 0, sizeof *c);
	if (guest_only("config", config, keys, f) == -1 ||
	    guest_array("config", config, "users", CAL_USERS, &list, f) == -1)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		if (user(c, json_array_get(list, i), f) == -1)
			return -1;
	}
	if (guest_array(
		"config", config, "calendars", CAL_CALENDARS, &list, f) == -1)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		if (calendar(c, json_array_get(list, i), f) == -1)
			return -1;
	}
	if (c->calendars == 0)
		return fault_set(f, "calendars: there is none");
	return 0;
}

/* The repositories are the service's alone: none of its configuration comes
 * from them, and nothing of git runs that is not asked for. */
static const char gitconfig[] = "[core]\n\thooksPath = /etc/kiln/none\n"
				"\tsymlinks = false\n\tfsync = all\n"
				"[init]\n\tdefaultBranch = main\n"
				"[commit]\n\tgpgSign = false\n"
				"[gc]\n\tautoDetach = false\n"
				"\tpackRefs = false\n"
				"[pack]\n\tthreads = 1\n\twindowMemory = 8m\n"
				"[maintenance]\n\tauto = false\n";

int
cal_conf(const json_t *config, struct guest_files *files, struct fault *f)
{
	struct cal_conf c;
	FILE *out;

	if (cal_conf_read(config, &c, f) == -1)
		return -1;
	out = guest_file_open(files, f, CAL_GITCONFIG);
	if (out == NULL)
		return -1;
	fputs(gitconfig, out);
	if (guest_file_close(out, 0, f) == -1)
		return -1;
	out = guest_file_open(files, f, CAL_CONFIG);
	if (out == NULL)
		return -1;
	return guest_file_close(out,
	    json_dumpf(config, out, JSON_COMPACT) == 0
		? 0
		: fault_set(f, "write " CAL_CONFIG),
	    f);
}
