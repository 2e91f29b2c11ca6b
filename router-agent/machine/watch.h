/*
 * `kiln-agent -x watch`: one per machine, under its uid, without network or
 * exec.  It reads what a possibly hostile QEMU and guest say, which is the
 * monitor (QMP), the control port and the console, so that the root parent
 * need not; the parent hears short, length-checked messages.
 *
 * Descriptors: 3 the parent, 4 QMP, 5 control port, 6 state port, 7 console,
 * 8 log file.
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
	WATCH_RESTART,
	WATCH_FREEZE,
	WATCH_THAW,
	WATCH_CLOCK, /* i64: Unix seconds */
	WATCH_PROBE, /* str: of a program of the image; beside the others */
	WATCH_TELL,  /* bytes for the state port; no answer */
	/* from the watcher */
	WATCH_CONSOLE, /* the first byte of the console */
	WATCH_ANSWER,  /* u32 request, u32 done, str sentence */
	WATCH_EVENT,   /* str: QMP's word */
	WATCH_FAULT,   /* str: QEMU or the guest broke a rule */
	WATCH_STATE,   /* the state port: fields of lease_word_send */
	WATCH_SETTING, /* … of setting_word_send */
};

#define WATCH_TELL_MAX 65536 /* bytes of one WATCH_TELL */

int watch_main(void);

#endif
