/* Replays the corpus of tests/fuzz/fuzz_delta.c. */
#include "tests/fuzz/fuzz_delta.c"

#define CORPUS "delta"
#include "tests/support/fuzz_replay.h"
