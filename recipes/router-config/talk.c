#include "recipes/router-config/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEVICE "/dev/kiln-state"
#define ANSWER_MAX (1U << 20)
#define PART 600 /* bytes of a text in one line */
#define TEXT_MAX 32768

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* It appears a moment after the start. */
static int
open_port(int64_t until, struct fault *f)
{
	const struct timespec nap = { .tv_nsec = 20000000 };
	int fd;

	while ((fd = open(DEVICE,
		    O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) == -1 &&
	       (errno == ENOENT || errno == EBUSY) && now_ms() < until)
		nanosleep(&nap, NULL);
	if (fd == -1)
		fault_sys(f, "the router's agent cannot be asked");
	return fd;
}

static int
wait_for(int fd, short what, int64_t until, struct fault *f)
{
	struct pollfd p = { .fd = fd, .events = what };
	int64_t left = until - now_ms();

	if (left > 0 && poll(&p, 1, (int)left) > 0)
		return 0;
	return fault_set(f, "the router's agent does not answer");
}

static int
say(int fd, const char *text, size_t n, int64_t until, struct fault *f)
{
	while (n > 0) {
		ssize_t done = write(fd, text, n);

		if (done == -1 && errno != EAGAIN && errno != EINTR)
			return fault_sys(f, "tell the router's agent");
		if (done == -1 && wait_for(fd, POLLOUT, until, f) == -1)
			return -1;
		text += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
	return 0;
}

/* Lines of before, of who was not read to the end, are passed over. */
static json_t *
line(char *text, const char *token, struct fault *f)
{
	char begin[40];
	size_t n = strlen(text), got, k;
	unsigned char *bytes;
	json_t *j = NULL;

	snprintf(begin, sizeof begin, "settings %s ", token);
	k = strlen(begin);
	if (strncmp(text, begin, k) != 0)
		return NULL;
	bytes = malloc(n);
	if (bytes != NULL &&
	    sodium_base642bin(bytes, n, text + k, n - k, NULL, &got, NULL,
		sodium_base64_VARIANT_ORIGINAL) == 0)
		j = guest_json("the agent's answer", bytes, got, f);
	free(bytes);
	return j;
}

static json_t *
listen_for(int fd, const char *token, int64_t until, struct fault *f)
{
	char *all = malloc(ANSWER_MAX);
	json_t *j = NULL;
	size_t n = 0;

	if (all == NULL) {
		fault_set(f, "no memory");
		return NULL;
	}
	f->text[0] = '\0';
	while (j == NULL && f->text[0] == '\0') {
		ssize_t got = read(fd, all + n, ANSWER_MAX - 1 - n);
		char *end;

		if (got <= 0) {
			/* 0: nobody has the other end, as yet */
			if (got == -1 && errno != EAGAIN && errno != EINTR)
				fault_sys(f, "hear the router's agent");
			else
				(void)!wait_for(fd, POLLIN, until, f);
			continue;
		}
		n += (size_t)got;
		all[n] = '\0';
		while (j == NULL && (end = strchr(all, '\n')) != NULL) {
			*end = '\0';
			j = line(all, token, f);
			n -= (size_t)(end + 1 - all);
			memmove(all, end + 1, n + 1);
		}
		if (n == ANSWER_MAX - 1)
			fault_set(f, "the router's agent says too much");
	}
	free(all);
	return j;
}

static int
say_text(
    int fd, const char *token, const char *text, int64_t until, struct fault *f)
{
	size_t n = strlen(text), done = 0;
	char coded[PART * 2], words[sizeof coded + 40];

	if (n > TEXT_MAX)
		return fault_set(f, "more than %d bytes", TEXT_MAX);
	while (done < n) {
		size_t part = n - done > PART ? PART : n - done;

		sodium_bin2base64(coded, sizeof coded,
		    (const unsigned char *)text + done, part,
		    sodium_base64_VARIANT_ORIGINAL);
		snprintf(words, sizeof words, "part %s %s\n", token, coded);
		if (say(fd, words, strlen(words), until, f) == -1)
			return -1;
		done += part;
	}
	return 0;
}

static json_t *
ask(const char *verb, const char *service, const char *text, struct fault *f)
{
	int64_t until = now_ms() + TALK_MS;
	unsigned char random[8];
	char token[17], words[160];
	json_t *j = NULL;
	int fd = open_port(until, f);

	if (fd == -1)
		return NULL;
	randombytes_buf(random, sizeof random);
	sodium_bin2hex(token, sizeof token, random, sizeof random);
	snprintf(words, sizeof words, "%s %s%s%s\n", verb, token,
	    service[0] != '\0' ? " " : "", service);
	if ((text == NULL || say_text(fd, token, text, until, f) == 0) &&
	    say(fd, words, strlen(words), until, f) == 0)
		j = listen_for(fd, token, until, f);
	close(fd);
	return j;
}

json_t *
talk_settings(struct fault *f)
{
	return ask("settings", "", NULL, f);
}

json_t *
talk_change(const char *service, const json_t *config, struct fault *f)
{
	char *text = json_dumps(config, JSON_COMPACT);
	json_t *j = NULL;

	if (text == NULL)
		fault_set(f, "no memory");
	else
		j = ask("change", service, text, f);
	free(text);
	return j;
}

json_t *
talk_back(const char *service, struct fault *f)
{
	return ask("back", service, NULL, f);
}
