/* Replays the corpus of tests/fuzz/fuzz_json.c. */
#include "tests/fuzz/fuzz_json.c"

#define CORPUS "json"
#include "tests/support/fuzz_replay.h"
