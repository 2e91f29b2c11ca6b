/*
 * kiln rebuilder: a party of its own that builds again what a farm wants to
 * publish, and puts its name to what came out the same, and to nothing else.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/cli/cmd.h"
#include "builder/cli/cosigner.h"
#include "builder/doubt/follow.h"
#include "builder/doubt/saying.h"
#include "builder/doubt/wish.h"
#include "lib/http.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define WHERE "kiln rebuilder"

static atomic_bool stop; /* set by a signal */

static void
on_signal(int sig)
{
	(void)sig;
	atomic_store(&stop, true);
}

struct order {
	struct doubter_options at;
	const char *key, *pass, *lanes;
	char *from;
	int64_t poll; /* seconds; 0: once */
};

struct seat {
	struct follow f;
	struct cosigner signer;
	struct http *http;
	json_t *told; /* {role: sentence}: what was said last */
	bool differs, later;
};

/* A sentence is said once, until there is another. */
static void
tell(struct seat *s, const char *what, const struct follow_draft *d,
    const char *text)
{
	const char *had = json_string_value(json_object_get(s->told, d->role));

	if (had && strcmp(had, text) == 0)
		return;
	js_set_str(s->told, d->role, text);
	log_info(what, "role=%s version=%lld text=\"%s\"", d->role,
	    (long long)d->version, text);
}

/* 1: taken; 0: refused, the reason is told. */
static int
hand_in(struct seat *s, const struct follow_draft *d,
    const struct buf *signature, struct err *err)
{
	auto_free char *url = mem_printf("%sapi/v1/signature", s->f.from);
	auto_buf struct buf reply = BUF_INIT;
	int status;

	if (http_post(s->http, url, "application/json", signature->data,
		signature->len, &reply, &status, err) == -1)
		return -1;
	if (status == 202)
		return 1;
	for (size_t i = 0; i < reply.len; i++)
		if ((unsigned char)reply.data[i] < ' ' || reply.data[i] == '"')
			reply.data[i] = ' ';
	buf_printf(&reply, " (the server answers %d)", status);
	tell(s, "refused", d, reply.data);
	return 0;
}

static int
sign(struct seat *s, const struct follow_draft *d, struct err *err)
{
	auto_buf struct buf signature = BUF_INIT;
	int rc;

	if (cosigner_sign(&s->signer, d->role, &d->bytes, &signature, err) ==
	    -1) {
		if (err->cls != ERR_TRUST)
			return -1;
		tell(s, "not-signed", d, err->msg);
		err_clear(err);
		s->differs = true;
		return 0;
	}
	rc = hand_in(s, d, &signature, err);
	if (rc == 0)
		s->differs = true;
	if (rc == 1) {
		tell(s, "signed", d,
		    "every image in it came out of builds here");
		return follow_signed(&s->f, d, err);
	}
	return rc == -1 ? -1 : 0;
}

static int
look_at(struct seat *s, const struct follow_draft *d, struct err *err)
{
	auto_buf struct buf why = BUF_INIT;
	bool good, tried;

	if (follow_judge(&s->f, d, &good, &tried, &why, err) == -1)
		return -1;
	if (good)
		return sign(s, d, err);
	tell(s, "not-signed", d, why.data);
	if (tried)
		s->differs = true;
	else
		s->later = true;
	return 0;
}

/* Good or bad, it is told.  What nobody wants goes; where nobody answers, it
 * waits for the next look. */
static int
hand_on(
    void *arg, const struct hash *h, const struct buf *text, struct err *err)
{
	struct seat *s = arg;
	auto_free char *url = mem_printf("%sapi/v1/attestation", s->f.from);
	auto_buf struct buf envelope = BUF_INIT, reply = BUF_INIT;
	char hex[HASH_HEX];
	int status;

	hash_hex(h, hex);
	if (cosigner_attest(&s->signer, text, &envelope, err) == -1)
		return -1;
	if (http_post(s->http, url, "application/json", envelope.data,
		envelope.len, &reply, &status, err) == -1 ||
	    status >= 500) {
		err_clear(err);
		s->later = true;
		return 0;
	}
	if (status == 202)
		log_info("said", "statement=%s", hex);
	else
		log_info("not-heard", "statement=%s status=%d", hex, status);
	return 1;
}

/* One role that is wrong keeps no other from being signed. */
static int
pass(struct seat *s, struct err *err)
{
	struct follow_drafts all = { 0 };
	int rc = follow_ask(&s->f, &all, err);

	s->differs = s->later = false;
	for (size_t i = 0; i < all.n && rc == 0; i++) {
		rc = look_at(s, &all.v[i], err);
		if (rc == -1 && !atomic_load(&stop) && err->cls != ERR_SYSTEM) {
			tell(s, "not-signed", &all.v[i], err->msg);
			s->later = true;
			err_clear(err);
			rc = 0;
		}
	}
	follow_drafts_release(&all);
	if (rc == 0 && !atomic_load(&stop))
		rc = saying_each(s->f.at->workdir, hand_on, s, err);
	return rc;
}

static void
rest(int64_t seconds)
{
	for (int64_t i = 0; i < seconds * 5 && !atomic_load(&stop); i++)
		usleep(200000);
}

static int
follow(struct seat *s, const struct order *o, struct err *err)
{
	for (;;) {
		int rc = pass(s, err);

		if (o->poll == 0 || atomic_load(&stop)) {
			if (atomic_load(&stop))
				return EXIT_DONE;
			return rc == -1	    ? -1
			       : s->differs ? EXIT_DIFFERS
			       : s->later   ? EXIT_AGAIN
					    : EXIT_DONE;
		}
		if (rc == -1 && err->cls == ERR_SYSTEM)
			return -1;
		if (rc == -1)
			log_err("not-followed", err);
		err_clear(err);
		rest(o->poll);
	}
}

static int
run(struct order *o, struct err *err)
{
	auto_doubter struct doubter at = DOUBTER_INIT;
	struct seat s = { .signer = COSIGNER_INIT };
	int rc = -1;

	at.stop = &stop;
	at.builder = "rebuilder";
	/* The key is the caller's; what builds has no right to it. */
	if (cosigner_start(&s.signer, o->key, o->pass, err) == 0 &&
	    doubter_open(&at, &o->at, err) == 0) {
		s.f = (struct follow){ .at = &at,
			.from = o->from,
			.lanes = o->lanes,
			.maintainers = { at.settings.maintainers,
			    at.settings.nmaintainers } };
		s.told = json_object();
		s.http = http_open("kiln-rebuilder/" KILN_VERSION, NULL, err);
		if (s.http && follow_open(&s.f, err) == 0) {
			log_info("following", "url=%s", o->from);
			rc = follow(&s, o, err);
		}
	}
	cosigner_stop(&s.signer);
	follow_release(&s.f);
	json_decref(s.told);
	http_close(s.http);
	return rc;
}

int
cmd_rebuilder(int argc, char **argv)
{
	struct order o = { .lanes = "AB", .poll = 300 };
	struct sigaction sa = { .sa_handler = on_signal };
	const char *from = NULL, *poll = NULL;
	struct err err = ERR_INIT;
	bool once = false;
	const struct cli_option options[] = {
		{ "follow", .text = &from },
		{ "key", .text = &o.key },
		{ "passphrase-file", .text = &o.pass },
		{ "state", .text = &o.at.state },
		{ "config", .text = &o.at.config },
		{ "lanes", .text = &o.lanes },
		{ "poll", .text = &poll },
		{ "once", .flag = &once },
		{ 0 },
	};
	int rc = cli_options(&kiln_program, argc, argv, options);

	if (rc != -1)
		return rc;
	if (optind != argc || !from || !o.key)
		return cli_usage(WHERE, "say --follow URL and --key FILE");
	if (strcmp(o.lanes, "A") != 0 && strcmp(o.lanes, "B") != 0 &&
	    strcmp(o.lanes, "AB") != 0)
		return cli_usage(WHERE, "--lanes: A, B or AB");
	if ((poll && num_duration(poll, &o.poll, &err) == -1) ||
	    wish_from(from, &o.from, &err) == -1)
		return cli_fail(WHERE, &err, false);
	if (o.poll < 1)
		return cli_usage(WHERE, "--poll: a second at least");
	if (once)
		o.poll = 0;
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	rc = run(&o, &err);
	free(o.from);
	return rc == -1 ? cli_fail(WHERE, &err, false) : rc;
}
