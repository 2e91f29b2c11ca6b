/*
 * A program that `kiln up` keeps running: started with its log appended to
 * log/NAME.log, restarted when it falls, each time a little later.
 */
#ifndef KILN_UNIT_H
#define KILN_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/farm.h"
#include "lib/spawn.h"

#define UNIT_ARGS 80

struct unit {
	const char *name; /* also of its log */
	char *path;	  /* of the program; freed by unit_release */
	const char *argv[UNIT_ARGS];
	int netns;	  /* or -1 */
	int fd;		  /* given at number 3, or -1; borrowed */
	bool loud;	  /* stderr stays ours */
	bool credentials; /* it is told where systemd put its secrets */
	bool may_end;	  /* with exit 0 it has nothing to do: it rests */
	int busy;	  /* so often in a row it ended with 75 */
	struct child child;
	int64_t restart_at; /* time_mono_ms; 0: not waiting */
	int64_t delay_ms;
	int64_t started_ms;
	int64_t log_due_ms; /* when its log is looked at again */
};

void unit_init(struct unit *, const char *name, const char *bin);
void unit_release(struct unit *);
/* Another program than its name says. */
void unit_program(struct unit *, const char *bin, const char *program);
void unit_arg(struct unit *, const char *); /* borrowed */
int unit_start(struct unit *, const struct farm *, struct err *) KILN_MUST;
/* Notices an end by itself, says so, and starts it again when it is time. */
void unit_check(struct unit *, const struct farm *);
/* SIGTERM to all in order, then waits, then SIGKILL. */
void units_stop(struct unit *const *, size_t n);

#endif
