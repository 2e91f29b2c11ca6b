/*
 * Experiments with one plan: a run under any set of switches and holds, and
 * whether two runs came to the same.
 */
#ifndef KILN_LAB_H
#define KILN_LAB_H

#include "builder/judge/cause.h"

/* What one run came to. */
struct sample {
	bool failed;
	char cause[24]; /* when it did */
	struct outputs outputs;
	int64_t started, finished; /* Unix seconds */
};
void sample_release(struct sample *);
bool sample_same(const struct sample *, const struct sample *);
void sample_move(struct sample *to, struct sample *from);
#define auto_sample __attribute__((cleanup(sample_release)))

struct lab {
	const struct cause_question *q;
	int runs;
	bool spent; /* CAUSE_RUNS of them: it was asked for more */
	int64_t at; /* the time at which clocks are held */
};

/* ERR_BUSY: no more runs are to be had (`spent`). */
int lab_run(struct lab *, unsigned vary, unsigned hold, struct sample *,
    struct err *) KILN_MUST;
/* Lets the clock reach another second than the sample can have seen. */
void lab_let_time_pass(const struct sample *);
void lab_say(struct lab *, const char *fmt, ...) KILN_PRINTF(2, 3);

#endif
