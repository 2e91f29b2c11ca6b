/*
 * `kiln-agent -x watch`: one per machine, under its uid, without network or
 * exec.  It reads what a possibly hostile QEMU and guest say, which is the
 * monitor (QMP), the control port and the console, so that the root parent
 * need not; the parent hears short, length-checked messages.
 *
 * Descriptors: 3 the parent, 4 QMP, 5 control port, 6 console, 7 log file.
 */
#ifndef AGENT_WATCH_H
#define AGENT_WATCH_H

#define WATCH_LOG_MAX (256 * 1024) /* bytes of a console's log */
#define WATCH_TEXT 200

enum watch_message {
	/* to the watcher: one at a time for each port */
	WATCH_STOP = 1, /* QMP */
	WATCH_CONT,
	WATCH_QUIT,
	WATCH_POWEROFF, /* control port */
	WATCH_CLOCK,	/* i64: Unix seconds */
	/* from the watcher */
	WATCH_CONSOLE, /* the first byte of the console */
	WATCH_ANSWER,  /* u32 request, u32 done, str sentence */
	WATCH_EVENT,   /* str: QMP's word */
	WATCH_FAULT,   /* str: QEMU or the guest broke a rule */
};

int watch_main(void);

#endif
