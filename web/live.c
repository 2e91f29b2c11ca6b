#include "web/live.h"

#include <string.h>

#include "lib/mem.h"
#include "lib/num.h"

#define BLOCK 16384

static struct live *
hub(struct web *w)
{
	if (w->live_streams == NULL)
		w->live_streams = mem_zero(1, sizeof(struct live));
	return w->live_streams;
}

struct stream *
live_open(struct req *req, stream_fn *fill, void *state,
    void (*release)(struct stream *))
{
	struct live *l = hub(req->web);
	struct stream *s;

	if (l->n >= LIVE_STREAMS)
		return NULL;
	s = mem_zero(1, sizeof(*s));
	s->web = req->web;
	s->fill = fill;
	s->state = state;
	s->release = release;
	buf_init(&s->out);
	s->began_ms = time_mono_ms();
	s->next = l->first;
	s->prev = &l->first;
	if (s->next)
		s->next->prev = &s->next;
	l->first = s;
	l->n++;
	return s;
}

static void
stream_free(void *cls)
{
	struct stream *s = cls;

	if (s->next)
		s->next->prev = s->prev;
	*s->prev = s->next;
	s->web->live_streams->n--;
	if (s->release)
		s->release(s);
	buf_release(&s->out);
	free(s);
}

/* Only copies what the tick has found, or goes to sleep. */
static ssize_t
reader(void *cls, uint64_t pos, char *to, size_t max)
{
	struct stream *s = cls;
	size_t n = s->out.len - s->sent;

	(void)pos;
	if (n == 0) {
		if (s->over)
			return MHD_CONTENT_READER_END_OF_STREAM;
		s->suspended = true;
		MHD_suspend_connection(s->con);
		return 0;
	}
	if (n > max)
		n = max;
	memcpy(to, s->out.data + s->sent, n);
	s->sent += n;
	if (s->sent == s->out.len) {
		buf_clear(&s->out);
		s->sent = 0;
	}
	return (ssize_t)n;
}

static void
ask(struct stream *s, int64_t now)
{
	int64_t life = s->web->stream_ms ? s->web->stream_ms : LIVE_LIFE_MS;

	if (!s->over && !s->fill(s, &s->out))
		s->over = true;
	if (now - s->began_ms >= life)
		s->over = true;
	if (!s->over && s->out.len == 0 && now - s->said_ms >= LIVE_PING_MS)
		buf_str(&s->out, ":\n\n");
	if (s->out.len)
		s->said_ms = now;
}

struct MHD_Response *
live_response(struct stream *s, struct MHD_Connection *con)
{
	struct MHD_Response *m;

	s->con = con;
	buf_str(&s->out, "retry: 3000\n\n");
	ask(s, time_mono_ms());
	m = MHD_create_response_from_callback(
	    MHD_SIZE_UNKNOWN, BLOCK, reader, s, stream_free);
	if (m == NULL)
		stream_free(s);
	return m;
}

void
live_tick(struct web *w)
{
	struct live *l = w->live_streams;
	int64_t now = time_mono_ms();
	struct stream *s;

	if (l == NULL || l->first == NULL || now - l->ticked_ms < LIVE_TICK_MS)
		return;
	l->ticked_ms = now;
	for (s = l->first; s; s = s->next) {
		if (!s->suspended)
			continue;
		ask(s, now);
		if (s->out.len == 0 && !s->over)
			continue;
		s->suspended = false;
		MHD_resume_connection(s->con);
	}
}

void
live_end(struct web *w)
{
	struct live *l = w->live_streams;
	struct stream *s;

	for (s = l ? l->first : NULL; s; s = s->next) {
		s->over = true;
		if (s->suspended)
			MHD_resume_connection(s->con);
		s->suspended = false;
	}
}

/* --- changes ---------------------------------------------------------------*/

struct changes {
	uint64_t told;
	int64_t at_ms;
};

uint64_t
live_version(struct web *w)
{
	struct db *dbs[] = { w->farm, w->tuf, w->web };
	struct live *l = hub(w);
	size_t i;

	for (i = 0; i < ARRAY_LEN(dbs); i++) {
		int64_t v = dbs[i] ? db_data_version(dbs[i]) : 0;

		if (v == l->seen[i])
			continue;
		l->seen[i] = v;
		l->version++;
	}
	/* What we write ourselves no data version tells us. */
	return l->version + w->written;
}

static bool
fill(struct stream *s, struct buf *out)
{
	struct changes *c = s->state;
	int64_t now = time_mono_ms();
	uint64_t version;

	if (now - c->at_ms < 1000)
		return true;
	version = live_version(s->web);
	if (version == c->told)
		return true;
	c->told = version;
	c->at_ms = now;
	buf_printf(out, "id: %llu\nevent: change\ndata: %llu\n\n",
	    (unsigned long long)version, (unsigned long long)version);
	return true;
}

static void
release(struct stream *s)
{
	free(s->state);
}

void
live_changes(struct req *req, struct reply *re)
{
	struct changes *c = mem_zero(1, sizeof(*c));
	const char *last = MHD_lookup_connection_value(
	    req->con, MHD_HEADER_KIND, "Last-Event-ID");
	struct err ignored = ERR_INIT;
	int64_t seen;

	req_readers(req);
	c->told = live_version(req->web);
	/* The number of an earlier life of ours is another one, too. */
	if (last && num_int(last, 0, INT64_MAX, &seen, &ignored) == 0)
		c->told = (uint64_t)seen;
	re->stream = live_open(req, fill, c, release);
	/* Who comes back before anything was told has a number to say. */
	if (re->stream)
		buf_printf(&re->stream->out, "id: %llu\n\n",
		    (unsigned long long)c->told);
	if (re->stream == NULL) {
		free(c);
		reply_error(
		    req, re, 503, "busy", "too many pages are looking already");
		return;
	}
	re->type = "text/event-stream";
}
