/* rooms: router-agent/lease.c */
/* Replays the corpus of tests/fuzz/fuzz_lease.c. */
#include "tests/fuzz/fuzz_lease.c"

#define CORPUS "lease"
#include "tests/support/fuzz_replay.h"
