/* Replays the corpus of tests/fuzz/fuzz_conf.c. */
#include "tests/fuzz/fuzz_conf.c"

#define CORPUS "conf"
#include "tests/support/fuzz_replay.h"
