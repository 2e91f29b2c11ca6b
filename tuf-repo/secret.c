#include "tuf-repo/secret.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <sodium.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

static const char *const credentials[] = {
	[CRED_SIGNER] = "kiln-tuf.passphrase",
	[CRED_OFFLINE] = "kiln-tuf.offline-passphrase",
	[CRED_NEW] = "kiln-tuf.new-passphrase",
	[CRED_PIN] = "kiln-tuf.pin",
};

void
secret_release(struct secret *s)
{
	sodium_free(s->p); /* wipes */
	*s = (struct secret)SECRET_INIT;
}

int
secret_process(struct err *err)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return err_sys(err, "forbid core dumps");
	return 0;
}

static int
room(struct secret *s, struct err *err)
{
	secret_release(s);
	if (sodium_init() == -1 || !(s->p = sodium_malloc(SECRET_MAX + 1)))
		return err_set(
		    err, ERR_SYSTEM, "no locked memory for a passphrase");
	return 0;
}

/* One read at a time into the locked pages: no buffer of stdio in between. */
static int
fill(struct secret *s, int fd, bool line, struct err *err)
{
	ssize_t got = 1;

	while (s->n <= SECRET_MAX && got > 0) {
		size_t want = line ? 1 : SECRET_MAX + 1 - s->n;

		if (want == 0)
			break;
		got = read(fd, s->p + s->n, want);
		if (got == -1)
			return err_sys(err, "read the passphrase");
		s->n += (size_t)got;
		if (line && got == 1 && s->p[s->n - 1] == '\n')
			break;
	}
	if (s->n && s->p[s->n - 1] == '\n')
		s->n--;
	if (s->n == 0 || s->n >= SECRET_MAX || memchr(s->p, '\0', s->n))
		return err_set(err, ERR_INPUT,
		    "the passphrase is empty, longer than %d bytes or has a"
		    " NUL in it",
		    SECRET_MAX - 1);
	return 0;
}

int
secret_read(struct secret *s, int fd, struct err *err)
{
	struct secret t = SECRET_INIT;

	if (room(&t, err) == -1)
		return -1;
	if (fill(&t, fd, false, err) == -1) {
		secret_release(&t);
		return -1;
	}
	secret_release(s);
	*s = t;
	return 0;
}

static int
ask_once(struct secret *s, int tty, const char *prompt, struct err *err)
{
	struct termios was, quiet;
	int rc;

	if (tcgetattr(tty, &was) == -1)
		return err_sys(err, "terminal");
	quiet = was;
	quiet.c_lflag &= (tcflag_t)~ECHO;
	quiet.c_lflag |= ICANON | ECHONL;
	if (tcsetattr(tty, TCSAFLUSH, &quiet) == -1)
		return err_sys(err, "terminal");
	if (fd_write_all(tty, prompt, strlen(prompt), err) == -1 ||
	    fd_write_all(tty, ": ", 2, err) == -1 || room(s, err) == -1)
		rc = -1;
	else
		rc = fill(s, tty, true, err);
	tcsetattr(tty, TCSAFLUSH, &was);
	return rc;
}

int
secret_ask(struct secret *s, const char *prompt, bool twice, struct err *err)
{
	auto_secret struct secret again = SECRET_INIT;
	auto_fd int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (tty == -1)
		return err_set(err, ERR_MISSING,
		    "%s: there is no terminal to ask for it; --help says how"
		    " else it is given",
		    prompt);
	if (ask_once(s, tty, prompt, err) == -1)
		return -1;
	if (!twice)
		return 0;
	if (ask_once(&again, tty, "the same again", err) == -1)
		return -1;
	if (again.n != s->n || sodium_memcmp(again.p, s->p, s->n) != 0)
		return err_set(
		    err, ERR_INPUT, "the two passphrases are not the same");
	return 0;
}

static int
open_private(const char *path, int *out, struct err *err)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return err_sys(err, "passphrase file %s", path);
	if (S_ISREG(st.st_mode) && (st.st_mode & 0077) != 0)
		return err_set(err, ERR_TRUST,
		    "passphrase file %s: others may read it; chmod 0600", path);
	*out = take_fd(&fd);
	return 0;
}

/* Owned; NULL: there is none. */
static char *
credential_path(const struct secret_source *src)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char *path;

	if (!dir || dir[0] != '/')
		return NULL;
	path = mem_printf("%s/%s", dir, credentials[src->credential]);
	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

int
secret_open(const struct secret_source *src, int *fd, struct err *err)
{
	auto_free char *path = NULL;

	*fd = -1;
	if (src->fd != -1) {
		*fd = fcntl(src->fd, F_DUPFD_CLOEXEC, 3);
		return *fd == -1
			   ? err_sys(err, "passphrase descriptor %d", src->fd)
			   : 0;
	}
	if (src->file)
		return open_private(src->file, fd, err);
	path = credential_path(src);
	return path ? open_private(path, fd, err) : 0;
}

bool
secret_named(const struct secret_source *src)
{
	auto_free char *path = credential_path(src);

	return src->fd != -1 || src->file || path;
}

int
secret_get(struct secret *s, const struct secret_source *src,
    const char *prompt, bool twice, struct err *err)
{
	auto_fd int fd = -1;

	if (secret_open(src, &fd, err) == -1)
		return -1;
	if (fd != -1)
		return secret_read(s, fd, err);
	return secret_ask(s, prompt, twice, err);
}

/* Its SECRET_MAX bytes fit into any pipe. */
int
secret_give(const struct secret *s, int *fd, struct err *err)
{
	int ends[2], rc;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return err_sys(err, "pipe");
	rc = fd_write_all(ends[1], s->p, s->n, err);
	close(ends[1]);
	if (rc == -1)
		close(ends[0]);
	else
		*fd = ends[0];
	return rc;
}

int
secret_fd_option(const char *where, struct secret_source *src, const char *text)
{
	struct err err = ERR_INIT;
	int64_t n;

	if (num_int(text, 0, 1 << 20, &n, &err) == -1)
		return cli_usage(where, "%s is no descriptor", text);
	src->fd = (int)n;
	return 0;
}
