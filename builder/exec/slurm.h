/*
 * The engine Slurm, through its own commands sbatch, squeue, scancel and
 * sinfo: they fit whatever version the site has, cannot end this process, and
 * have a deadline.  An attempt's name is the job's name.
 *
 * What Slurm says of itself is never a result: it forgets jobs that it took a
 * moment ago when it is killed, gives their numbers to others, and may run a
 * job whose submission failed (docs/slurm.md).
 */
#ifndef KILN_EXEC_SLURM_H
#define KILN_EXEC_SLURM_H

#include <stdbool.h>

#include "builder/exec/exec.h"
#include "lib/attr.h"
#include "lib/err.h"

#define SLURM_DEADLINE_MS 15000

struct slurm_conf {	       /* borrowed */
	const char *partition; /* NULL: the site's default */
	const char *config;    /* slurm.conf; NULL: where the site has it */
	const char *features;  /* "a&b": wanted besides the architecture; "" */
};

struct exec *exec_slurm_open(const struct slurm_conf *);

/* For tests: a line of squeue -o SLURM_QUEUE, one of sinfo -o SLURM_NODES.
 * False: it is none.  What is set lies in `line`, which is cut. */
#define SLURM_QUEUE "%A|%j|%T|%N|%r"
#define SLURM_NODES "%N|%f|%T|%C|%m|%e|%E"
bool slurm_queue_line(char *line, struct exec_seen *);
bool slurm_node_line(char *line, struct exec_node *);
/* Does sbatch's complaint say that no later try can be any better? */
bool slurm_is_final(const char *complaint);

#endif
