#include "tuf-repo/s3.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <curl/curl.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

#define CONNECT_S 20
#define FLOOR_RATE 512 /* bytes a second, over … */
#define FLOOR_S 60     /* … seconds */
#define SECRET_MAX 1024
#define HEADERS_MAX ((size_t)64 * 1024)

struct request {
	CURL *easy; /* NULL: free */
	struct s3 *s3;
	void *arg;
	int fd;
	int64_t size, at;
	bool nothing_read; /* the file gave fewer bytes than it had */
	enum s3_verb verb;
	size_t headers;
	struct curl_slist *list;
	struct s3_answer answer;
	char text[CURL_ERROR_SIZE];
};

struct s3 {
	CURLM *multi;
	char *endpoint, *bucket, *signing, *proxy;
	char *id, *secret;
	size_t busy;
	struct request at[S3_TOGETHER];
};

/* --- life ------------------------------------------------------------------
 */

static int
read_secret(struct s3 *s, const char *path, struct err *err)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	auto_buf struct buf text = BUF_INIT;
	struct stat st;
	char *colon;

	if (fd == -1 || fstat(fd, &st) == -1)
		return err_sys(err, "read the object store's key %s", path);
	if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IRWXG | S_IRWXO)))
		return err_set(err, ERR_INPUT,
		    "%s: others may read this key; chmod 600 it", path);
	if (fd_read_all(fd, SECRET_MAX, &text, err) == -1)
		return err_prefix(err, "%s", path);
	text.data[strcspn(text.data, "\r\n")] = '\0';
	colon = strrchr(text.data, ':');
	if (colon && colon > text.data && colon[1]) {
		s->id = mem_strn(text.data, (size_t)(colon - text.data));
		s->secret = mem_str(colon + 1);
	}
	explicit_bzero(text.data, text.len);
	return s->secret ? 0
			 : err_set(err, ERR_INPUT,
			       "%s is not one line KEY-ID:SECRET", path);
}

struct s3 *
s3_open(const struct s3_where *w, const char *key_file, struct err *err)
{
	struct s3 *s = mem_zero(1, sizeof(*s));

	s->endpoint = mem_str(w->endpoint);
	s->bucket = mem_str(w->bucket);
	s->signing = mem_printf("aws:amz:%s:s3", w->region);
	s->proxy = mem_str(w->proxy);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    !(s->multi = curl_multi_init()))
		err_set(err, ERR_SYSTEM, "libcurl does not start");
	else if (read_secret(s, key_file, err) == 0)
		return s;
	s3_free(s);
	return NULL;
}

static void
request_end(struct request *r)
{
	if (!r->easy)
		return;
	curl_multi_remove_handle(r->s3->multi, r->easy);
	curl_easy_cleanup(r->easy);
	curl_slist_free_all(r->list);
	r->easy = NULL;
	r->list = NULL;
	r->s3->busy--;
}

void
s3_free(struct s3 *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < S3_TOGETHER; i++) {
		if (s->at[i].easy)
			s3_answer_release(&s->at[i].answer);
		request_end(&s->at[i]);
	}
	if (s->multi)
		curl_multi_cleanup(s->multi);
	if (s->secret)
		explicit_bzero(s->secret, strlen(s->secret));
	free(s->secret);
	free(s->id);
	free(s->endpoint);
	free(s->bucket);
	free(s->signing);
	free(s->proxy);
	free(s);
}

size_t
s3_busy(const struct s3 *s)
{
	return s->busy;
}

size_t
s3_room(const struct s3 *s)
{
	return S3_TOGETHER - s->busy;
}

void
s3_answer_release(struct s3_answer *a)
{
	buf_release(&a->body);
}

/* --- one request ------------------------------------------------------------
 */

void
s3_encode(const char *key, struct buf *b)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789"
				    "-._~/";

	for (; *key; key++)
		if (strchr(plain, *key))
			buf_char(b, *key);
		else
			buf_printf(b, "%%%02X", (unsigned char)*key);
}

static size_t
on_read(char *out, size_t one, size_t n, void *arg)
{
	struct request *r = arg;
	int64_t left = r->size - r->at;
	ssize_t got;

	n *= one;
	if ((int64_t)n > left)
		n = (size_t)left;
	got = n ? pread(r->fd, out, n, r->at) : 0;
	if (got < 0 || (n > 0 && got == 0)) {
		r->nothing_read = true;
		return CURL_READFUNC_ABORT;
	}
	r->at += got;
	return (size_t)got;
}

/* An answer before the body was through: it is sent again from its start. */
static int
on_seek(void *arg, curl_off_t offset, int origin)
{
	struct request *r = arg;

	if (origin != SEEK_SET || offset < 0 || offset > r->size)
		return CURL_SEEKFUNC_FAIL;
	r->at = offset;
	return CURL_SEEKFUNC_OK;
}

static size_t
on_body(char *p, size_t one, size_t n, void *arg)
{
	struct request *r = arg;

	n *= one;
	if (r->answer.body.len + n > S3_BODY_MAX) {
		err_set(&r->answer.err, ERR_INPUT,
		    "the object store answers with more than %d bytes",
		    S3_BODY_MAX);
		return 0;
	}
	buf_add(&r->answer.body, p, n);
	return n;
}

static size_t
on_header(char *line, size_t one, size_t n, void *arg)
{
	struct request *r = arg;
	struct span v = { line, n * one }, name;

	n *= one;
	r->headers += n;
	if (r->headers > HEADERS_MAX)
		return 0;
	while (v.n > 0 && (v.p[v.n - 1] == '\r' || v.p[v.n - 1] == '\n'))
		v.n--;
	if (!span_next(&v, ':', &name))
		return n;
	v = span_trim(v);
	if (name.n != 4 || strncasecmp(name.p, "etag", 4) != 0 ||
	    v.n >= S3_ETAG)
		return n;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= 0x20 || v.p[i] >= 0x7f)
			return n;
	memcpy(r->answer.etag, v.p, v.n);
	r->answer.etag[v.n] = '\0';
	return n;
}

static int
add(struct request *r, struct err *err, const char *name, const char *value)
{
	auto_free char *line = mem_printf("%s: %s", name, value);
	struct curl_slist *more = curl_slist_append(r->list, line);

	if (!more)
		return err_set(err, ERR_SYSTEM, "no memory for a header");
	r->list = more;
	return 0;
}

static int
add_headers(struct request *r, const struct s3_ask *a, struct err *err)
{
	struct hash h = a->sha256;
	char hex[HASH_HEX];

	if (a->verb != S3_PUT)
		hash_bytes(&h, "", 0);
	hash_hex(&h, hex);
	if (add(r, err, "x-amz-content-sha256", hex) == -1)
		return -1;
	if (a->verb != S3_PUT)
		return 0;
	if (add(r, err, "Content-Type", a->type) == -1 ||
	    add(r, err, "Cache-Control", a->cache) == -1)
		return -1;
	if (a->if_none)
		return add(r, err, "If-None-Match", "*");
	return a->if_match ? add(r, err, "If-Match", a->if_match) : 0;
}

#define SET(option, value)                                            \
	do {                                                          \
		if (code == CURLE_OK)                                 \
			code = curl_easy_setopt(easy, option, value); \
	} while (0)

static CURLcode
set_up(struct s3 *s, struct request *r, const struct s3_ask *a)
{
	auto_buf struct buf url = BUF_INIT;
	CURL *easy = r->easy;
	CURLcode code = CURLE_OK;

	buf_printf(&url, "%s/%s/", s->endpoint, s->bucket);
	s3_encode(a->key, &url);
	SET(CURLOPT_ERRORBUFFER, r->text);
	SET(CURLOPT_PRIVATE, r);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_URL, url.data);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	SET(CURLOPT_LOW_SPEED_LIMIT, (long)FLOOR_RATE);
	SET(CURLOPT_LOW_SPEED_TIME, (long)FLOOR_S);
	SET(CURLOPT_USERAGENT, "kiln-tuf/" KILN_VERSION);
	if (s->proxy)
		SET(CURLOPT_PROXY, s->proxy);
	SET(CURLOPT_AWS_SIGV4, s->signing);
	SET(CURLOPT_USERNAME, s->id);
	SET(CURLOPT_PASSWORD, s->secret);
	SET(CURLOPT_HTTPHEADER, r->list);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, r);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, r);
	if (a->verb == S3_HEAD)
		SET(CURLOPT_NOBODY, 1L);
	if (a->verb == S3_DELETE)
		SET(CURLOPT_CUSTOMREQUEST, "DELETE");
	if (a->verb == S3_PUT) {
		SET(CURLOPT_UPLOAD, 1L);
		SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)a->size);
		SET(CURLOPT_READFUNCTION, on_read);
		SET(CURLOPT_READDATA, r);
		SET(CURLOPT_SEEKFUNCTION, on_seek);
		SET(CURLOPT_SEEKDATA, r);
		SET(CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
	}
	return code;
}

int
s3_start(struct s3 *s, const struct s3_ask *a, void *arg, struct err *err)
{
	struct request *r = s->at;
	CURL *easy;

	while (r < s->at + S3_TOGETHER && r->easy)
		r++;
	if (r == s->at + S3_TOGETHER)
		return err_set(err, ERR_SYSTEM, "too many requests at a time");
	easy = curl_easy_init();
	if (!easy)
		return err_set(err, ERR_SYSTEM, "libcurl has no memory");
	*r = (struct request){ .easy = easy,
		.s3 = s,
		.arg = arg,
		.fd = a->fd,
		.size = a->size,
		.verb = a->verb,
		.answer = { .length = -1, .body = BUF_INIT } };
	s->busy++;
	if (add_headers(r, a, err) == -1) {
		request_end(r);
		return -1;
	}
	if (set_up(s, r, a) == CURLE_OK &&
	    curl_multi_add_handle(s->multi, easy) == CURLM_OK)
		return 0;
	request_end(r);
	return err_set(err, ERR_INPUT, "libcurl does not take the request");
}

/* --- answers ----------------------------------------------------------------
 */

/* <Code>NoSuchBucket</Code>: a word of letters and digits, or nothing. */
static void
take_code(struct s3_answer *a)
{
	const char *p = strstr(a->body.data, "<Code>");
	size_t n = 0;

	if (!p)
		return;
	p += strlen("<Code>");
	n = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		      "0123456789");
	if (n > 0 && n < S3_CODE && p[n] == '<') {
		memcpy(a->code, p, n);
		a->code[n] = '\0';
	}
}

static void
take_answer(struct request *r, CURLcode code)
{
	struct s3_answer *a = &r->answer;
	long status = 0;
	curl_off_t length = -1;

	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(r->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	a->status = (int)status;
	a->length = length;
	if (a->err.cls != ERR_NONE)
		return;
	if (r->nothing_read)
		err_set(&a->err, ERR_SYSTEM,
		    "a file became shorter while it was sent");
	/* Servers that refuse a body may close before all of it was sent. */
	else if (code != CURLE_OK && (status < 400 || r->verb != S3_PUT))
		err_set(&a->err,
		    code == CURLE_PEER_FAILED_VERIFICATION ? ERR_TRUST
		    : code == CURLE_URL_MALFORMAT	   ? ERR_INPUT
							   : ERR_BUSY,
		    "%s", r->text[0] ? r->text : curl_easy_strerror(code));
	else if (status >= 300)
		take_code(a);
}

int
s3_wait(struct s3 *s, int ms, void **arg, enum s3_verb *verb,
    struct s3_answer *a, struct err *err)
{
	int running, left;
	CURLMsg *m;

	for (int tries = 0; tries < 2; tries++) {
		struct request *r = NULL;

		if (curl_multi_perform(s->multi, &running) != CURLM_OK)
			return err_set(err, ERR_SYSTEM, "libcurl fails");
		while ((m = curl_multi_info_read(s->multi, &left)) &&
		       m->msg != CURLMSG_DONE)
			;
		if (m) {
			CURLcode code = m->data.result;

			curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r);
			take_answer(r, code);
			*arg = r->arg;
			*verb = r->verb;
			*a = r->answer;
			request_end(r);
			return 1;
		}
		if (tries == 0 &&
		    curl_multi_poll(s->multi, NULL, 0, ms, NULL) != CURLM_OK)
			return err_set(err, ERR_SYSTEM, "libcurl fails");
	}
	return 0;
}

int
s3_refused(const struct s3_answer *a, const char *key, struct err *err)
{
	int s = a->status;
	const char *code = a->code[0] ? a->code : "no reason given";

	if (a->err.cls != ERR_NONE) {
		*err = a->err;
		return err_prefix(err, "%s", key);
	}
	if (s == 401 || s == 403)
		return err_set(err, ERR_INPUT,
		    "%s: the object store refuses the key (%d %s): look at "
		    "`publish` in kiln.yaml and at the key's rights",
		    key, s, code);
	if (s == 404)
		return err_set(err, ERR_INPUT,
		    "%s: the object store has no such bucket (%d %s)", key, s,
		    code);
	if (s == 429 || s >= 500)
		return err_set(err, ERR_BUSY,
		    "%s: the object store answers %d %s", key, s, code);
	return err_set(
	    err, ERR_INPUT, "%s: the object store answers %d %s", key, s, code);
}
