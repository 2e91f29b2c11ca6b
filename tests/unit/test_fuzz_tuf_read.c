/* Replays the corpus of tests/fuzz/fuzz_tuf_read.c. */
#include "tests/fuzz/fuzz_tuf_read.c"

#define CORPUS "tuf_read"
#include "tests/support/fuzz_replay.h"
