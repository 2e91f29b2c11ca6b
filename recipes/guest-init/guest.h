/*
 * What every program inside a guest shares: faults told in one sentence, JSON
 * read strictly by jansson, and files written below /run.
 *
 * Also the interface of libguest.a, with which a service's own configure
 * program is built.  Such a program reads GUEST_CONFIG (the service's part of
 * the router's configuration), writes the service's native files below /run
 * and ends with 0, or with 1 after one sentence on standard error.
 *
 * Calls return 0, or -1 after filling the fault, and touch their outputs only
 * on success.  A guest has no operator: whatever is not understood is refused
 * whole, and the machine does not start.
 */
#ifndef GUEST_INIT_GUEST_H
#define GUEST_INIT_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#define GUEST_CONFIG "/run/kiln/config.json"
#define GUEST_CONFIG_MAX (1U << 20) /* bytes of JSON text */

struct fault {
	char text[256];
};
/* Both return -1; the second adds the words of errno. */
int fault_set(struct fault *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int fault_sys(struct fault *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static inline void
guest_json_own(json_t **j)
{
	json_decref(*j);
}
#define auto_json __attribute__((cleanup(guest_json_own)))

/* An object, all of the bytes, no key twice.  New reference, or NULL. */
json_t *guest_json(const char *what, const void *, size_t, struct fault *);
/* Refuses any key that is not in the NULL-ended list. */
int guest_only(
    const char *what, const json_t *, const char *const *keys, struct fault *);
/*
 * Members; `what` names the object in the sentence.  The text of a string is
 * borrowed, 1 to `max` bytes long and printable ASCII.
 */
int guest_str(const char *what, const json_t *, const char *key, size_t max,
    const char **, struct fault *);
int guest_int(const char *what, const json_t *, const char *key, int64_t min,
    int64_t max, int64_t *, struct fault *);
/* An array of at most `max` elements; absent is refused. */
int guest_array(const char *what, const json_t *, const char *key, size_t max,
    json_t **, struct fault *);

/* An address of either family. */
struct guest_addr {
	int family; /* AF_INET or AF_INET6 */
	unsigned char bytes[16];
};
int guest_addr(const char *what, const char *key, const char *text,
    struct guest_addr *, struct fault *);
size_t guest_addr_size(const struct guest_addr *);
/* "52:54:00:00:00:01", lower case. */
int guest_mac(
    const char *what, const char *text, unsigned char mac[6], struct fault *);
/* Labels of a-z, 0-9, '-' and '_', joined by dots, 253 bytes at most. */
bool guest_name_ok(const char *);
/* One label of such a name. */
bool guest_label_ok(const char *);

/* The whole of a file of at most `max` bytes, NUL-ended, malloc'd. */
int guest_read(const char *path, size_t max, char **, size_t *, struct fault *);
/* Creates `path` anew; whatever was there before is an error. */
int guest_write(
    const char *path, mode_t, uid_t, const void *, size_t, struct fault *);

#endif
