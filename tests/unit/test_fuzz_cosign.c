/* Replays the corpus of tests/fuzz/fuzz_cosign.c. */
#include "tests/fuzz/fuzz_cosign.c"

#define CORPUS "cosign"
#include "tests/support/fuzz_replay.h"
