#include "web/hot.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "lib/mem.h"
#include "lib/own.h"
#include "web/send.h"

#define PAYS_FROM 512 /* bytes: below, one packet carries it anyway */

static const char *const codings[HOT_CODINGS] = { "zstd", "gzip", NULL };

/* --- compressing -----------------------------------------------------------*/

/* No time and no name in it: the same bytes give the same form. */
static size_t
pack(enum hot_coding coding, const void *p, size_t n, void *out, size_t max)
{
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	size_t used = 0;

	if (a == NULL || e == NULL)
		mem_none();
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_pathname(e, "-");
	archive_write_set_bytes_per_block(a, 0);
	if (archive_write_set_format_raw(a) != ARCHIVE_OK ||
	    (coding == HOT_ZSTD
		    ? archive_write_add_filter_zstd(a)
		    : archive_write_add_filter_gzip(a)) != ARCHIVE_OK ||
	    (coding == HOT_GZIP && archive_write_set_filter_option(a, "gzip",
				       "timestamp", NULL) != ARCHIVE_OK) ||
	    archive_write_open_memory(a, out, max, &used) != ARCHIVE_OK ||
	    archive_write_header(a, e) != ARCHIVE_OK ||
	    archive_write_data(a, p, n) != (la_ssize_t)n ||
	    archive_write_close(a) != ARCHIVE_OK)
		used = 0; /* it does not fit: it does not pay */
	archive_entry_free(e);
	archive_write_free(a);
	return used;
}

/* --- forms -----------------------------------------------------------------*/

static struct MHD_Response *
response(const struct reply *like, unsigned status, const char *coding,
    const char *etag, const void *p, size_t n)
{
	struct MHD_Response *m =
	    MHD_create_response_from_buffer(n, (void *)(uintptr_t)p,
		n ? MHD_RESPMEM_MUST_COPY : MHD_RESPMEM_PERSISTENT);
	struct reply re = {
		.status = status, .type = like->type, .cache = like->cache
	};

	if (m == NULL)
		mem_none();
	snprintf(re.etag, sizeof(re.etag), "%s", etag);
	send_headers(m, &re);
	MHD_add_response_header(m, "Vary", "Accept-Encoding");
	/* Of a file: of the file as it is. */
	if (like->fd != -1)
		MHD_add_response_header(m, "Accept-Ranges", "bytes");
	if (coding && status == 200)
		MHD_add_response_header(m, "Content-Encoding", coding);
	return m;
}

static void
form(struct hot *hot, enum hot_coding coding, const void *p, size_t n,
    const struct reply *like)
{
	struct hot_form *f = &hot->form[coding];

	/* Other bytes are another entity. */
	snprintf(f->etag, sizeof(f->etag), "%s%s%s", hot->digest,
	    codings[coding] ? "-" : "", codings[coding] ? codings[coding] : "");
	f->whole = response(like, 200, codings[coding], f->etag, p, n);
	f->same = response(like, 304, codings[coding], f->etag, "", 0);
}

void
hot_make(struct hot *hot, const void *p, size_t n, const struct reply *like)
{
	auto_free void *out = mem_alloc(n + 1);
	size_t got;

	hot->size = (int64_t)n;
	form(hot, HOT_PLAIN, p, n, like);
	for (enum hot_coding c = 0; n >= PAYS_FROM && c < HOT_PLAIN; c++)
		/* A tenth less is worth another form. */
		if ((got = pack(c, p, n, out, n - n / 10)) > 0)
			form(hot, c, out, got, like);
}

void
hot_release(struct hot *hot)
{
	for (size_t i = 0; i < HOT_CODINGS; i++) {
		if (hot->form[i].whole == NULL)
			continue;
		MHD_destroy_response(hot->form[i].whole);
		MHD_destroy_response(hot->form[i].same);
	}
	*hot = (struct hot){ .name = "" };
}

/* --- files -----------------------------------------------------------------*/

static struct hot *
place(struct web *w, const char *name)
{
	uint32_t h = 2166136261U; /* FNV-1a */

	if (w->hot == NULL)
		w->hot = mem_zero(HOT_FILES, sizeof(*w->hot));
	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619U;
	return &w->hot[h % HOT_FILES];
}

static int64_t
nanoseconds(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

const struct hot *
hot_look(struct web *w, int dirfd, const char *name)
{
	const struct hot *hot = place(w, name);
	struct stat st;

	if (strcmp(hot->name, name) != 0 || strchr(name, '/') ||
	    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !S_ISREG(st.st_mode))
		return NULL;
	return hot->device == st.st_dev && hot->inode == st.st_ino &&
		       hot->size == st.st_size &&
		       hot->changed_ns == nanoseconds(&st.st_ctim) &&
		       hot->modified_ns == nanoseconds(&st.st_mtim)
		   ? hot
		   : NULL;
}

const struct hot *
hot_keep(struct web *w, const char *name, int fd, const char *digest,
    const struct reply *like)
{
	struct hot *hot = place(w, name);
	struct stat st;

	if (strlen(name) >= sizeof(hot->name) || strchr(name, '/') ||
	    fstat(fd, &st) == -1)
		return NULL;
	hot_release(hot);
	snprintf(hot->name, sizeof(hot->name), "%s", name);
	snprintf(hot->digest, sizeof(hot->digest), "%s", digest);
	hot->device = st.st_dev;
	hot->inode = st.st_ino;
	hot->size = st.st_size;
	hot->changed_ns = nanoseconds(&st.st_ctim);
	hot->modified_ns = nanoseconds(&st.st_mtim);
	if (st.st_size > 0 && st.st_size <= HOT_FILE_MAX) {
		auto_free void *p = mem_alloc((size_t)st.st_size);

		if (pread(fd, p, (size_t)st.st_size, 0) == st.st_size)
			hot_make(hot, p, (size_t)st.st_size, like);
	}
	return hot;
}

void
hot_free(struct web *w)
{
	for (size_t i = 0; w->hot && i < HOT_FILES; i++)
		hot_release(&w->hot[i]);
	free(w->hot);
	w->hot = NULL;
}

/* --- who accepts what ------------------------------------------------------*/

/* "gzip;q=0" is a refusal; other weights do not change our order. */
static bool
accepts(const char *list, const char *coding)
{
	size_t n = strlen(coding);

	while (list && *list) {
		const char *q;

		list += strspn(list, " \t,");
		if (strncasecmp(list, coding, n) == 0 &&
		    strchr(" \t,;", list[n])) {
			q = list + n + strspn(list + n, " \t;");
			return strncasecmp(q, "q=0", 3) != 0 ||
			       strcspn(q, "123456789") < strcspn(q, ",");
		}
		list = strchr(list, ',');
	}
	return false;
}

enum hot_coding
hot_choose(const struct hot *hot, const char *accept)
{
	enum hot_coding c;

	for (c = 0; c < HOT_PLAIN; c++)
		if (hot->form[c].whole && accepts(accept, codings[c]))
			return c;
	return HOT_PLAIN;
}
