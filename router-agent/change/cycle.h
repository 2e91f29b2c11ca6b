/*
 * One pass of the pipe's last part: verify what is offered, fetch, stage,
 * probe, switch, probation, commit; or say why not.
 */
#ifndef AGENT_CYCLE_H
#define AGENT_CYCLE_H

struct agent;

/* An exit code: EXIT_DONE (committed, or nothing new), EXIT_TRUST (refused),
 * EXIT_FAILED (rolled back, or could not be tried), EXIT_AGAIN. */
int cycle_run(struct agent *);
/* At start: a trial that was cut off too often is bad. */
void cycle_recover(struct agent *);

#endif
