/* rooms: tuf-repo */
/* Replays the corpus of tests/fuzz/fuzz_request.c. */
#include "tests/fuzz/fuzz_request.c"

#define CORPUS "request"
#include "tests/support/fuzz_replay.h"
