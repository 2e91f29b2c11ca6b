/* rooms: router-agent/set.c */
/* Replays the corpus of tests/fuzz/fuzz_set.c. */
#include "tests/fuzz/fuzz_set.c"

#define CORPUS "set"
#include "tests/support/fuzz_replay.h"
