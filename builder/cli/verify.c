/* kiln verify: what is damaged, and bringing again what has a known origin. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "builder/cli/ask.h"
#include "builder/cli/cmd.h"
#include "builder/cli/hand.h"
#include "builder/keep/verify.h"
#include "builder/plan/arch.h"
#include "lib/json.h"
#include "lib/own.h"

#define WHERE "kiln verify"

struct order {
	struct hand_options hand;
	bool look; /* change nothing */
};

static void
said(const char *what)
{
	fprintf(stderr, WHERE ": reading %s\n", what);
}

static void
show(const struct verify *v)
{
	for (size_t i = 0; i < json_array_size(v->damage); i++) {
		const json_t *j = json_array_get(v->damage, i);
		const char *need = ask_str(j, "needed_by");
		const char *mended = ask_str(j, "mended");
		const char *not = ask_str(j, "not_mended");

		printf("%s %s: %s%s%s%s%s%s\n", ask_str(j, "what"),
		    ask_str(j, "name"), ask_str(j, "problem"),
		    *need ? " (" : "", need, *need ? ")" : "",
		    *mended || *not ? ": " : "", *mended ? mended : not );
	}
	printf("%" PRId64 " read, %zu damaged, %zu of them not mended\n",
	    v->looked, json_array_size(v->damage), verify_left(v));
}

static void
show_json(const struct verify *v)
{
	auto_json json_t *j = json_object();
	auto_buf struct buf text = BUF_INIT;

	js_set_int(j, "read", v->looked);
	js_set_int(j, "not_mended", (int64_t)verify_left(v));
	js_set(j, "damaged", json_incref(v->damage));
	js_text(j, true, &text);
	printf("%s\n", text.data);
}

static int
mend(struct hand *h, struct verify *v, const struct order *o, struct err *err)
{
	auto_apt struct apt_sources sources = APT_SOURCES_INIT;
	struct deb_archive a = { .db = h->needs.farm,
		.store = h->needs.store,
		.workers = &h->workers,
		.sources = &sources,
		.tmpdir = h->work };

	const char *arch = arch_own(err);

	if (!arch || hand_turn(h, err) == -1)
		return -1;
	if (o->hand.fetch &&
	    settings_sources(&h->settings, &sources, err) == -1)
		return -1;
	return verify_mend(
	    v, &h->needs, &h->place, o->hand.fetch ? &a : NULL, arch, err);
}

static int
run(const struct order *o, struct verify *v, struct err *err)
{
	auto_hand struct hand h = HAND_INIT;
	auto_fd int tuf = -1;

	if (hand_open(&h, &o->hand, err) == -1 ||
	    needs_collect(&h.needs, err) == -1)
		return -1;
	tuf = farm_dir(&h.farm, "tuf", err);
	if (tuf == -1)
		return -1;
	v->tuf = tuf;
	if (verify_look(v, &h.needs, &h.place, err) == -1)
		return -1;
	if (o->look || json_array_size(v->damage) == 0)
		return 0;
	return mend(&h, v, o, err);
}

int
cmd_verify(int argc, char **argv)
{
	struct order o = { .hand = { .write = true } };
	struct verify v = { .tuf = -1, .said = said };
	struct err err = ERR_INIT;
	bool json = false, offline = false;
	int c;
	const struct cli_option options[] = {
		{ "state", .text = &o.hand.state },
		{ "config", .text = &o.hand.config },
		{ "dry-run", .flag = &o.look },
		{ "offline", .flag = &offline },
		{ "json", .flag = &json },
		{ 0 },
	};
	int r = cli_options(&kiln_program, argc, argv, options);

	if (r != -1)
		return r;
	if (optind != argc)
		return cli_usage(WHERE, "unknown word \"%s\"", argv[optind]);
	o.hand.fetch = !offline;
	if (o.look)
		o.hand.write = o.hand.fetch = false;
	r = run(&o, &v, &err);
	if (r == 0 && json)
		show_json(&v);
	else if (v.damage)
		show(&v);
	c = r == 0 && verify_left(&v) ? EXIT_FAILED : EXIT_DONE;
	verify_release(&v);
	return r == -1 ? cli_fail(WHERE, &err, json) : c;
}
