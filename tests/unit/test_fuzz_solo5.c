/* Replays the corpus of tests/fuzz/fuzz_solo5.c. */
#include "tests/fuzz/fuzz_solo5.c"

#define CORPUS "solo5"
#include "tests/support/fuzz_replay.h"
