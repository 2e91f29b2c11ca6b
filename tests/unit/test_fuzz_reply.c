/* rooms: router-agent/change/reply.c */
/* Replays the corpus of tests/fuzz/fuzz_reply.c. */
#include "tests/fuzz/fuzz_reply.c"

#define CORPUS "reply"
#include "tests/support/fuzz_replay.h"
