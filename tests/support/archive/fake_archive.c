#include "tests/support/archive/fake_archive.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "lib/fdio.h"
#include "lib/hash.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/spawn.h"

#define GOOD "archive@example.org"
#define OTHER "stranger@example.org"

static char *root, *home, *keyring, *uri;
static struct MHD_Daemon *server;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static struct buf asked = BUF_INIT; /* a line for each request */
static int64_t sent;
static bool say_etag, say_modified;

static void
must(int r, const struct err *err)
{
	if (r == 0)
		return;
	fprintf(stderr, "fake archive: %s\n", err->msg);
	abort();
}

/* 304: whoever asks knows it already. */
static unsigned
tag(struct MHD_Connection *c, const char *file, struct MHD_Response *r)
{
	const char *match = MHD_lookup_connection_value(
		       c, MHD_HEADER_KIND, "If-None-Match"),
		   *since = MHD_lookup_connection_value(
		       c, MHD_HEADER_KIND, "If-Modified-Since");
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct hash h;
	char hex[HASH_HEX], etag[HASH_HEX + 2], date[64];
	time_t made;
	struct tm tm;

	must(file_read(file, 1 << 20, &text, &err), &err);
	hash_bytes(&h, text.data, text.len);
	hash_hex(&h, hex);
	snprintf(etag, sizeof(etag), "\"%s\"", hex);
	/* A time made of the bytes: tests change files within a second. */
	made = 1500000000 + h.b[0] * 65536 + h.b[1] * 256 + h.b[2];
	gmtime_r(&made, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	if (say_etag)
		MHD_add_response_header(r, "ETag", etag);
	if (say_modified)
		MHD_add_response_header(r, "Last-Modified", date);
	return (say_etag && match && strcmp(match, etag) == 0) ||
		       (say_modified && !match && since &&
			   strcmp(since, date) == 0)
		   ? 304
		   : 200;
}

static enum MHD_Result
serve(void *cls, struct MHD_Connection *c, const char *path, const char *method,
    const char *version, const char *data, size_t *n, void **state)
{
	/* As a proxy is asked: whoever the host may be, it is here. */
	const char *proxied =
	    strncmp(path, "http://", 7) == 0 ? strchr(path + 7, '/') : NULL;
	auto_free char *file =
	    mem_printf("%s%s", root, proxied ? proxied : path);
	struct MHD_Response *r;
	enum MHD_Result ret;
	struct stat st;
	int fd;

	(void)cls, (void)method, (void)version, (void)data, (void)n,
	    (void)state;
	pthread_mutex_lock(&guard);
	buf_printf(&asked, "%s\n", path);
	pthread_mutex_unlock(&guard);
	fd = strstr(path, "..") ? -1 : open(file, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		r = MHD_create_response_from_buffer(
		    0, NULL, MHD_RESPMEM_PERSISTENT);
		ret = MHD_queue_response(c, 404, r);
	} else {
		unsigned status = 200;

		r = MHD_create_response_from_fd((size_t)st.st_size, fd);
		if (strstr(path, "/InRelease"))
			status = tag(c, file, r);
		if (status == 304) {
			MHD_destroy_response(r);
			r = MHD_create_response_from_buffer(
			    0, NULL, MHD_RESPMEM_PERSISTENT);
		}
		pthread_mutex_lock(&guard);
		sent += status == 200 ? st.st_size : 0;
		pthread_mutex_unlock(&guard);
		ret = MHD_queue_response(c, status, r);
	}
	MHD_destroy_response(r);
	return ret;
}

static int
gpg(const char *const *args, size_t n)
{
	const char *argv[32] = { "gpg", "--homedir", home, "--batch", "--yes",
		"--quiet", "--passphrase", "", "--pinentry-mode", "loopback" };
	struct spawn sp = SPAWN_INIT;
	struct err err = ERR_INIT;
	int r;

	memcpy(argv + 10, args, n * sizeof(*args));
	sp.argv = argv;
	r = spawn_capture(&sp, 60000, 65536, NULL, NULL, &err);
	if (r == -1)
		fprintf(stderr, "fake archive: %s\n", err.msg);
	return r;
}
#define GPG(...)                             \
	gpg((const char *[]){ __VA_ARGS__ }, \
	    sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *))

int
fake_start(const char *dir)
{
	root = mem_printf("%s/www", dir);
	home = mem_printf("%s/gpg", dir);
	keyring = mem_printf("%s/keyring.gpg", dir);
	if (mkdir(root, 0755) == -1 || mkdir(home, 0700) == -1)
		return -1;
	if (GPG("--quick-generate-key", GOOD, "ed25519", "sign", "never") ||
	    GPG("--quick-generate-key", OTHER, "ed25519", "sign", "never") ||
	    GPG("--output", keyring, "--export", GOOD))
		return -1;
	chmod(keyring, 0644);
	server = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL,
	    NULL, serve, NULL, MHD_OPTION_SOCK_ADDR,
	    &(struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
	    MHD_OPTION_END);
	if (!server)
		return -1;
	uri = mem_printf("http://127.0.0.1:%u/debian/",
	    MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT)->port);
	return 0;
}

void
fake_stop(void)
{
	const char *argv[] = { "gpgconf", "--homedir", home, "--kill", "all",
		NULL };
	struct err err = ERR_INIT;

	if (server)
		MHD_stop_daemon(server);
	server = NULL;
	if (home && spawn_run(argv, 10000, &err) == -1)
		fprintf(stderr, "fake archive: %s\n", err.msg);
	free(root);
	free(home);
	free(keyring);
	free(uri);
	root = home = keyring = uri = NULL;
	buf_release(&asked);
}

const char *
fake_uri(void)
{
	return uri;
}

const char *
fake_keyring(void)
{
	return keyring;
}

const char *
fake_root(void)
{
	return root;
}

static void
put(const char *path, const void *bytes, size_t n)
{
	struct err err = ERR_INIT;
	auto_free char *dir = mem_str(path);
	auto_fd int base = dir_open(root, &err), at = -1;
	char *slash = strrchr(dir, '/');
	int fd;

	*slash = '\0';
	at = dir_make_at(base, dir, 0755, &err);
	must(at == -1, &err);
	/* In place, as a careless mirror does. */
	fd = openat(
	    at, slash + 1, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	must(fd == -1 ? err_sys(&err, "%s", path) : 0, &err);
	must(fd_write_all(fd, bytes, n, &err), &err);
	close(fd);
}

void
fake_suite_init(struct fake_suite *s, const char *name)
{
	*s = (struct fake_suite){ .name = name, .dist = name };
	buf_init(&s->packages);
	buf_init(&s->sources);
	buf_init(&s->arm64);
	s->date = time(NULL) - 3600;
}

void
fake_suite_release(struct fake_suite *s)
{
	buf_release(&s->packages);
	buf_release(&s->sources);
	buf_release(&s->arm64);
}

static void
add_package(struct buf *to, const char *arch, const char *name,
    const char *version, const char *more, const char *bytes)
{
	const char *colon = strchr(version, ':');
	auto_free char *path = mem_printf("pool/main/%c/%s/%s_%s_%s.deb", *name,
	    name, name, colon ? colon + 1 : version, arch);
	auto_free char *below = mem_printf("debian/%s", path);
	struct hash h;
	char hex[HASH_HEX];

	hash_bytes(&h, bytes, strlen(bytes));
	hash_hex(&h, hex);
	buf_printf(to,
	    "Package: %s\nVersion: %s\nArchitecture: %s\n%sFilename: %s\n"
	    "Size: %zu\nSHA256: %s\n\n",
	    name, version, arch, more ? more : "", path, strlen(bytes), hex);
	put(below, bytes, strlen(bytes));
}

void
fake_package(struct fake_suite *s, const char *name, const char *version,
    const char *more, const char *bytes)
{
	add_package(&s->packages, "amd64", name, version, more, bytes);
}

void
fake_arm64(struct fake_suite *s, const char *name, const char *version,
    const char *more, const char *bytes)
{
	add_package(&s->arm64, "arm64", name, version, more, bytes);
}

void
fake_all(struct fake_suite *s, const char *name, const char *version,
    const char *bytes)
{
	add_package(&s->packages, "all", name, version, NULL, bytes);
	add_package(&s->arm64, "all", name, version, NULL, bytes);
}

void
fake_base(struct fake_suite *s, const char *const *names)
{
	for (; *names; names++)
		fake_package(s, *names, "1", NULL, *names);
}

void
fake_source(struct fake_suite *s, const char *name, const char *version,
    const char *file, const char *bytes)
{
	auto_free char *below =
	    mem_printf("debian/pool/main/%c/%s/%s", *name, name, file);
	struct hash h;
	char hex[HASH_HEX];

	hash_bytes(&h, bytes, strlen(bytes));
	hash_hex(&h, hex);
	buf_printf(&s->sources,
	    "Package: %s\nVersion: %s\nDirectory: pool/main/%c/%s\n"
	    "Checksums-Sha256:\n %s %zu %s\nHomepage: none\n\n",
	    name, version, *name, name, hex, strlen(bytes), file);
	put(below, bytes, strlen(bytes));
}

static void
add_date(struct buf *b, const char *field, int64_t at)
{
	time_t t = at;
	struct tm tm;
	char text[64];

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S UTC", &tm);
	buf_printf(b, "%s: %s\n", field, text);
}

/* Compresses, writes index and by-hash copy, adds the line to Release. */
static void
add_index(struct fake_suite *s, const char *path, const struct buf *text,
    bool wrong, struct buf *release)
{
	auto_free char *plain = mem_printf("%s/index", home);
	auto_free char *packed = mem_printf("%s.xz", plain);
	const char *argv[] = { "xz", "-kf", plain, NULL };
	auto_free char *to = NULL, *by_hash = NULL;
	auto_buf struct buf xz = BUF_INIT;
	struct err err = ERR_INIT;
	struct hash h;
	char hex[HASH_HEX];
	FILE *f = fopen(plain, "w");

	must(
	    !f || fwrite(text->data, 1, text->len, f) != text->len || fclose(f),
	    &err);
	must(spawn_run(argv, 60000, &err), &err);
	must(file_read(packed, 1 << 24, &xz, &err), &err);
	hash_bytes(&h, xz.data, xz.len);
	hash_hex(&h, hex);
	to = mem_printf("debian/dists/%s/%s", s->dist, path);
	put(to, xz.data, xz.len);
	if (wrong)
		hex[0] = hex[0] == '0' ? '1' : '0';
	by_hash = mem_printf("debian/dists/%s/%.*s/by-hash/SHA256/%s", s->dist,
	    (int)(strrchr(path, '/') - path), path, hex);
	put(by_hash, xz.data, xz.len);
	buf_printf(release, " %s %zu %s\n", hex, xz.len, path);
}

void
fake_publish(struct fake_suite *s)
{
	auto_free char *plain = mem_printf("%s/Release", home);
	auto_free char *signed_by = mem_printf("%s.asc", plain);
	auto_free char *to = mem_printf("debian/dists/%s/InRelease", s->dist);
	auto_buf struct buf text = BUF_INIT, done = BUF_INIT;
	struct err err = ERR_INIT;
	FILE *f = fopen(plain, "w");

	buf_printf(
	    &text, "Origin: Fake\nSuite: whatever\nCodename: %s\n", s->name);
	add_date(&text, "Date", s->date);
	if (s->valid_until)
		add_date(&text, "Valid-Until", s->valid_until);
	buf_str(
	    &text, "Acquire-By-Hash: yes\nMD5Sum:\n 0 0 ignored\nSHA256:\n");
	add_index(s, "main/binary-amd64/Packages.xz", &s->packages,
	    s->wrong_index, &text);
	if (s->arm64.len)
		add_index(s, "main/binary-arm64/Packages.xz", &s->arm64, false,
		    &text);
	add_index(s, "main/source/Sources.xz", &s->sources, false, &text);
	must(!f || fwrite(text.data, 1, text.len, f) != text.len || fclose(f),
	    &err);
	must(GPG("--output", signed_by, "--local-user",
		 s->other_key ? OTHER : GOOD, "--clearsign", plain),
	    &err);
	must(file_read(signed_by, 1 << 24, &done, &err), &err);
	put(to, done.data, done.len);
}

void
fake_damage(const char *path, const char *bytes)
{
	put(path, bytes, strlen(bytes));
}

void
fake_remove(const char *path)
{
	auto_free char *file = mem_printf("%s/%s", root, path);

	unlink(file);
}

unsigned
fake_count(const char *part)
{
	struct span rest, line;
	unsigned n = 0;

	pthread_mutex_lock(&guard);
	rest = span_buf(&asked);
	while (span_next(&rest, '\n', &line)) {
		auto_free char *s = mem_strn(line.p, line.n);

		n += strstr(s, part) != NULL;
	}
	pthread_mutex_unlock(&guard);
	return n;
}

void
fake_count_reset(void)
{
	pthread_mutex_lock(&guard);
	buf_clear(&asked);
	sent = 0;
	pthread_mutex_unlock(&guard);
}

int64_t
fake_bytes(void)
{
	int64_t n;

	pthread_mutex_lock(&guard);
	n = sent;
	pthread_mutex_unlock(&guard);
	return n;
}

void
fake_tags(bool etag, bool modified)
{
	say_etag = etag;
	say_modified = modified;
}
