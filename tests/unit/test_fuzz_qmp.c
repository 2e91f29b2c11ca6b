/* rooms: router-agent/machine/qmp.c */
/* Replays the corpus of tests/fuzz/fuzz_qmp.c. */
#include "tests/fuzz/fuzz_qmp.c"

#define CORPUS "qmp"
#include "tests/support/fuzz_replay.h"
