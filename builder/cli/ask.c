#include "builder/cli/ask.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "builder/cli/cmd.h"
#include "lib/drop.h"
#include "lib/farm.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/schema.h"

struct db *
ask_open(const char *state, struct err *err)
{
	struct farm farm = FARM_INIT;
	auto_free char *path = NULL;
	struct db *db = NULL;

	if (farm_enter(&farm, state, NULL, false, err) == 0 &&
	    drop_to(ROLE_CLI, err) == 0) {
		path = farm_file(&farm, "farm.db");
		db = db_open_reader_of(path, FARM_SCHEMA, err);
	}
	farm_release(&farm);
	return db;
}

static void
set_column(json_t *row, struct stmt *q, int column, struct span word)
{
	char type = word.p[word.n - 1], text[TIME_TEXT];
	bool typed = type == '#' || type == '?' || type == '@';
	auto_free char *key = mem_strn(word.p, word.n - typed);

	if (stmt_null(q, column)) {
		json_object_set_new(row, key, json_null());
	} else if (type == '#') {
		js_set_int(row, key, stmt_int(q, column));
	} else if (type == '?') {
		js_set_bool(row, key, stmt_int(q, column) != 0);
	} else if (type == '@') {
		time_text(stmt_int(q, column), text);
		js_set_str(row, key, text);
	} else {
		js_set_str(row, key, stmt_str(q, column));
	}
}

json_t *
ask_rows(struct db *db, const char *sql, const char *keys, const char *arg,
    struct err *err)
{
	auto_stmt struct stmt *q = db_stmt(db, sql);
	auto_json json_t *all = json_array();
	int got;

	if (arg)
		stmt_bind_str(q, 1, arg);
	while ((got = stmt_step(q, err)) == 1) {
		json_t *row = json_object();
		struct span rest = span_str(keys), word;

		for (int i = 0; span_next(&rest, ' ', &word); i++)
			set_column(row, q, i, word);
		json_array_append_new(all, row);
	}
	return got == -1 ? NULL : json_incref(all);
}

int
ask_lists(struct db *db, const struct ask_list *l, const char *arg,
    json_t *into, struct err *err)
{
	for (; l->key; l++) {
		json_t *rows = ask_rows(db, l->sql, l->columns, arg, err);

		if (!rows)
			return -1;
		js_set(into, l->key, rows);
	}
	return 0;
}

json_t *
ask_row(struct db *db, const char *sql, const char *keys, const char *arg,
    struct err *err)
{
	auto_json json_t *all = ask_rows(db, sql, keys, arg, err);

	if (!all)
		return NULL;
	if (json_array_size(all) == 0)
		return json_object();
	return json_incref(json_array_get(all, 0));
}

const char *
ask_str(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

int64_t
ask_int(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

json_t *
ask_plans(struct db *db, const char *what, struct err *err)
{
	static const char by_recipe[] =
	    "SELECT c.plan FROM current c WHERE c.recipe = ?1 ORDER BY c.stage";
	static const char by_run[] =
	    "SELECT plan FROM run WHERE CAST(id AS TEXT) = ?1";
	static const char by_digest[] =
	    "SELECT digest FROM plan WHERE digest GLOB ?1 || '*' LIMIT 2";
	json_t *l = ask_rows(db, by_recipe, "plan", what, err);

	if (l && json_array_size(l) == 0) {
		json_decref(l);
		l = ask_rows(db, by_run, "plan", what, err);
	}
	if (l && json_array_size(l) == 0 && strlen(what) >= ASK_HEX_LEAST &&
	    strspn(what, "0123456789abcdef") == strlen(what)) {
		json_decref(l);
		l = ask_rows(db, by_digest, "plan", what, err);
		if (l && json_array_size(l) > 1) {
			json_decref(l);
			err_set(err, ERR_INPUT,
			    "more than one plan begins with %s", what);
			return NULL;
		}
	}
	return l;
}

/* --- a command that only asks --------------------------------------------- */

static int
answer(const char *state, bool json, const struct ask_list *lists,
    void (*print)(const json_t *), const char *alarms, struct err *err)
{
	auto_db struct db *db = ask_open(state, err);
	auto_json json_t *all = json_object();
	auto_buf struct buf text = BUF_INIT;

	if (!db || ask_lists(db, lists, NULL, all, err) == -1)
		return -1;
	if (json) {
		js_text(all, true, &text);
		printf("%s\n", text.data);
	} else {
		print(all);
	}
	return alarms && json_array_size(json_object_get(all, alarms)) > 0
		   ? EXIT_DIFFERS
		   : EXIT_DONE;
}

int
ask_command(int argc, char **argv, const char *word,
    const struct ask_list *lists, void (*print)(const json_t *),
    const char *alarms)
{
	auto_free char *where = mem_printf("kiln %s", argv[0]);
	const char *state = NULL;
	struct err err = ERR_INIT;
	bool json = false;
	const struct cli_option options[] = {
		{ "state", .text = &state },
		{ "json", .flag = &json },
		{ 0 },
	};
	int r = cli_options(&kiln_program, argc, argv, options);

	if (r != -1)
		return r;
	if (!word && optind != argc)
		return cli_usage(where, "it takes no words");
	if (word && (argc - optind != 1 || strcmp(argv[optind], word) != 0))
		return cli_usage(where, "it takes the word %s", word);
	r = answer(state, json, lists, print, alarms, &err);
	return r == -1 ? cli_fail(where, &err, json) : r;
}
