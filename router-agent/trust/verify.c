#include "router-agent/trust/verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/ipc.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/owner/report.h"
#include "router-agent/trust/fetch.h"
#include "router-agent/trust/verify_proto.h"

#define WRITTEN_MAX ((int64_t)1 << 40) /* bytes, by a verifier */

/* What is here already: forms from it are looked for. */
static void
add_current(const struct set *s, struct buf *b)
{
	ipc_add_u32(b, s ? (uint32_t)s->nservices + 2 : 0);
	if (!s)
		return;
	ipc_add_str(b, VERIFY_VMLINUZ);
	ipc_add_hash(b, &s->vmlinuz.hash);
	ipc_add_i64(b, 0);
	ipc_add_str(b, VERIFY_INITRD);
	ipc_add_hash(b, &s->initrd.hash);
	ipc_add_i64(b, 0);
	for (size_t i = 0; i < s->nservices; i++) {
		ipc_add_str(b, s->services[i].name);
		ipc_add_hash(b, &s->services[i].image.hash);
		ipc_add_i64(b, s->services[i].serial);
	}
}

static void
add_request(const struct agent_conf *c, const struct state *s,
    const struct hash *device, bool stick, struct buf *b)
{
	const struct state_counter *k = state_counter(s, c->channel, c->arch);
	static const struct hash none;

	ipc_add_u32(b, stick ? 1 : (uint32_t)c->nservers);
	if (stick)
		ipc_add_str(b, FETCH_STICK);
	for (size_t i = 0; !stick && i < c->nservers; i++)
		ipc_add_str(b, c->servers[i]);
	ipc_add_str(b, c->channel);
	ipc_add_str(b, c->arch);
	ipc_add_u32(b, c->demo);
	ipc_add_i64(b, c->min_keys);
	ipc_add_u32(b, (uint32_t)c->nrequire_keys);
	for (size_t i = 0; i < c->nrequire_keys; i++)
		ipc_add_bytes(b, c->require_keys[i].b, 32);
	ipc_add_u32(b, (uint32_t)c->nservices);
	for (size_t i = 0; i < c->nservices; i++)
		ipc_add_str(b, c->services[i].name);
	ipc_add_i64(b, k ? k->counter : -1);
	ipc_add_hash(b, k ? &k->sha256 : &none);
	ipc_add_u32(b, s->current != NULL);
	ipc_add_hash(b, s->current ? &s->current->sha256 : &none);
	ipc_add_hash(b, device);
	ipc_add_i64(b, c->hold_keys_s);
	add_current(s->current, b);
}

int
verify_start(struct verify *v, const struct agent_conf *c,
    const struct state *s, const struct state_dir *d, int stick,
    struct err *err)
{
	static const char *const argv[] = { "kiln-agent", "-x", "verify",
		NULL };
	static const char *const from_stick[] = { "kiln-agent", "-x", "verify",
		FETCH_STICK, NULL };
	auto_buf struct buf b = BUF_INIT;
	auto_fd int root = open(c->root, O_RDONLY | O_CLOEXEC);
	auto_fd int ours = -1, theirs = -1;
	struct spawn sp = SPAWN_INIT;
	struct sig_public pub;
	struct sig_seed seed;
	struct hash device;
	int sv[2];

	if (root == -1)
		return err_sys(err, "open the trusted root %s", c->root);
	if (report_key(d->fd, &seed, &pub, err) == -1)
		return -1;
	sig_wipe(&seed);
	hash_bytes(&device, pub.b, sizeof(pub.b));
	if (ipc_pair(sv, err) == -1)
		return -1;
	ours = sv[0];
	theirs = sv[1];
	sp.argv = argv;
	sp.exec_self = true;
	sp.die_with_parent = true;
	sp.fds[sp.nfds++] = theirs;
	sp.fds[sp.nfds++] = d->metadata;
	sp.fds[sp.nfds++] = root;
	if (stick != -1) {
		sp.argv = from_stick;
		sp.fds[sp.nfds++] = stick;
	}
	if (spawn_start(&sp, &v->child, err) == -1)
		return err_prefix(err, "start the verifier");
	add_request(c, s, &device, stick != -1, &b);
	if (ipc_send(ours, VERIFY_GO, &b, NULL, 0, err) == -1) {
		spawn_kill(&v->child);
		return -1;
	}
	v->sock = take_fd(&ours);
	return 0;
}

static int
take_refusal(struct ipc_msg *m, char word[RULES_WORD], struct err *err)
{
	if (ipc_get_text(m, word, RULES_WORD, err) == -1)
		return -1;
	return ipc_get_err(m, ERR_SYSTEM, err);
}

int
verify_result(
    struct verify *v, struct set *set, char word[RULES_WORD], struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	int got = ipc_recv(v->sock, 0, &m, err);
	uint32_t clock, urgent;

	snprintf(word, RULES_WORD, "verifier");
	if (got == -1)
		return -1;
	if (got == 0)
		return err_set(
		    err, ERR_SYSTEM, "the verifier ended without an answer");
	if (ipc_get_u32(&m, &clock, err) == -1 ||
	    ipc_get_i64(&m, &v->now, err) == -1 ||
	    ipc_get_i64(&m, &v->retry_after, err) == -1 ||
	    ipc_get_i64(&m, &v->written, err) == -1)
		return -1;
	if (v->written < 0 || v->written > WRITTEN_MAX)
		return err_set(err, ERR_INPUT, "the verifier wrote too much");
	v->clock = clock <= CLOCK_SYNCED ? (enum clock_state)clock : CLOCK_WILD;
	if (m.type == VERIFY_REFUSED)
		return take_refusal(&m, word, err);
	if (m.type != VERIFY_SET)
		return err_set(
		    err, ERR_INPUT, "the verifier said what nobody asked");
	if (ipc_get_i64(&m, &v->turn.at, err) == -1 ||
	    ipc_get_i64(&m, &v->turn.from, err) == -1 ||
	    ipc_get_i64(&m, &v->turn.to, err) == -1 ||
	    ipc_get_u32(&m, &urgent, err) == -1 ||
	    set_receive(&m, set, err) == -1 ||
	    forms_receive(&m, &v->forms, err) == -1)
		return -1;
	v->urgent = urgent == 1;
	if (v->turn.from < 0 || v->turn.from >= 1440 || v->turn.to < 0 ||
	    v->turn.to >= 1440)
		return err_set(err, ERR_INPUT, "a window out of range");
	return ipc_end(&m, err);
}

void
verify_stop(struct verify *v)
{
	own_close(&v->sock);
	v->sock = -1;
	spawn_kill(&v->child);
}
